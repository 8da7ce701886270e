"""`Idempotency-Key`: a request that is sent again is answered again, and not carried out again."""

import hashlib
from collections.abc import Callable
from typing import Any

from flask import Request, Response, g

from service.api.blueprint import backend
from service.errors import Conflict, Fault, InvalidRequest
from service.records import new_id

HEADER = "Idempotency-Key"
DAY = 86_400
SPARE = 60
"""Seconds, after the longest wait, for which a first request may be at work before it is lost."""
LONGEST_KEY = 255
ID_LENGTH = 32
KEPT_HEADERS = ("Location", "Retry-After", "Content-Type")


def once(request: Request, body: Any, carry_out: Callable[[str], Response]) -> Response:
    """Return the answer to a request, carried out only the first time its key is seen.

    `body` is anything whose text tells two requests apart. A failure is not kept, so that the same
    key may be tried again. What is made gets the id that `carry_out` is called with: the same for
    the same request, so that one whose process died after it had made something finds that.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return carry_out(new_id())
    if not 0 < len(key) <= LONGEST_KEY:
        fault = Fault(HEADER, f"must have 1 to {LONGEST_KEY} characters")
        raise InvalidRequest("The Idempotency-Key cannot be used", faults=[fault])
    name = digest(request.method, request.path, key)
    fingerprint = digest(request.query_string.decode("latin-1"), repr(body))
    begun = {"fingerprint": fingerprint, "answer": None, "request": g.request_id}
    seconds = backend().settings.max_wait + SPARE
    stored = backend().storage.remember(name, begun, seconds)
    if stored is not None and stored != begun:  # its own: the write was tried twice
        return replayed(stored, fingerprint)
    try:
        response = carry_out(digest(backend().workspace, name, fingerprint)[:ID_LENGTH])
    except BaseException:
        backend().storage.forget(name)
        raise
    backend().storage.overwrite(name, {**begun, "answer": kept(response)}, DAY)
    return response


def digest(*words: str) -> str:
    """Return a name for some words."""
    return hashlib.sha256("\0".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def kept(response: Response) -> dict[str, Any]:
    """Return what of an answer is kept."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return {
        "status": response.status_code,
        "headers": headers,
        "body": response.get_data(as_text=True),
    }


def replayed(stored: dict[str, Any], fingerprint: str) -> Response:
    """Return the kept answer; raise where the key's first request was another, or is at work."""
    if stored["fingerprint"] != fingerprint:
        raise InvalidRequest(
            "The Idempotency-Key was used for another request",
            faults=[Fault(HEADER, "use a new key for a new request")],
        )
    answer = stored["answer"]
    if answer is None:
        raise Conflict(
            "The first request with this key is still at work", headers={"Retry-After": "1"}
        )
    response = Response(answer["body"], status=answer["status"], headers=answer["headers"])
    response.headers["Idempotent-Replayed"] = "true"
    return response
