"""One of the two edges: whatever was raised becomes an RFC 9457 answer here."""

import logging
from typing import Any

import orjson
import redis
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from service.errors import (
    PROBLEM_JSON,
    MalformedBody,
    MethodNotAllowed,
    NotFound,
    ServiceError,
    StorageFull,
    TooLarge,
    Unavailable,
)

log = logging.getLogger("shortlist.api")

NOTHING_HERE = "Nothing is at this path; /docs shows what there is"
HTTP_KINDS: dict[int | None, type[ServiceError]] = {
    400: MalformedBody,
    404: NotFound,
    405: MethodNotAllowed,
    413: TooLarge,
}


CANNOT_WRITE = "MISCONF"
"""What Redis calls it when its disk is full, or fails."""


def register(app: Flask) -> None:
    """Make the app answer every error as a problem."""
    app.register_error_handler(ServiceError, answer)
    app.register_error_handler(HTTPException, answer_http)
    app.register_error_handler(redis.exceptions.ConnectionError, answer_unavailable)
    app.register_error_handler(redis.exceptions.TimeoutError, answer_unavailable)
    app.register_error_handler(redis.exceptions.OutOfMemoryError, answer_full)
    app.register_error_handler(redis.exceptions.ResponseError, answer_refused)
    app.register_error_handler(OSError, answer_storage)
    app.register_error_handler(Exception, answer_unexpected)


def answer(error: ServiceError) -> Response:
    """Return an error of ours as a problem."""
    body: dict[str, Any] = {**error.problem(), "request_id": g.get("request_id", "")}
    response = Response(
        orjson.dumps(body) + b"\n", status=error.http_status, content_type=PROBLEM_JSON
    )
    response.headers.update(error.headers)
    return response


def answer_http(error: HTTPException) -> Response:
    """Return an error of Flask's or Werkzeug's as a problem."""
    kind = HTTP_KINDS.get(error.code, ServiceError)
    status = error.code if kind is ServiceError else None
    allowed = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
    details = {NotFound: NOTHING_HERE, MethodNotAllowed: f"Only {allowed} can be done here"}
    response = answer(kind(details.get(kind, error.description or ""), status=status))
    if allowed:
        response.headers["Allow"] = allowed
    return response


def answer_unavailable(error: Exception) -> Response:
    """Return a lost connection to Redis as a problem that says when to try again."""
    log.warning("Redis cannot be reached: %s", type(error).__name__)
    return answer(
        Unavailable("The storage cannot be reached; try again", headers={"Retry-After": "2"})
    )


def answer_full(error: Exception) -> Response:
    """Return a Redis without memory as a problem; it refused the write whole."""
    log.error("Redis is full: %s", error)
    return answer(
        StorageFull("Redis has no memory left; nothing was kept", headers={"Retry-After": "30"})
    )


def answer_refused(error: Exception) -> Response:
    """Return a Redis that cannot write to its disk as a problem; other refusals are our mistake."""
    if CANNOT_WRITE not in str(error):
        return answer_unexpected(error)
    log.error("Redis cannot write: %s", error)
    return answer(
        Unavailable("Redis cannot write to its disk; try again", headers={"Retry-After": "30"})
    )


def answer_storage(error: OSError) -> Response:
    """Return a full or failing disk as a problem; what was being written is gone already."""
    log.error("the file storage failed: %s", error)
    return answer(
        Unavailable("The file storage failed; nothing was kept", headers={"Retry-After": "30"})
    )


def answer_unexpected(error: Exception) -> Response:
    """Return a mistake of ours as a problem that tells nothing of the inside."""
    log.error("unexpected error", exc_info=error)
    return answer(ServiceError("This is a mistake in the service; the request_id helps to find it"))
