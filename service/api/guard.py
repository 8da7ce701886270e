"""What happens around every request: an id for it, and the answer's headers."""

import re
from http import HTTPStatus

from flask import Flask, Response, g, request

from service.records import new_id

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
"""No browser is to run, frame or guess at what is in an answer: clients' words are in it."""

REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def register(app: Flask) -> None:
    """Put the guard before and behind every request of an app."""
    app.before_request(name_request)
    app.after_request(add_headers)


def name_request() -> None:
    """Give the request the id that it brings, or a new one."""
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else new_id()


def add_headers(response: Response) -> Response:
    """Return the answer with its request's id, and with an ETag where it can have one."""
    response.headers["X-Request-Id"] = g.get("request_id", "")
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == HTTPStatus.NO_CONTENT:
        response.headers.pop("Content-Type", None)
    if (
        request.method == "GET"
        and response.status_code == HTTPStatus.OK
        and not response.is_streamed
    ):
        response.headers.setdefault("Cache-Control", "private, no-cache")
        response.add_etag()
        etag, _ = response.get_etag()
        if etag and request.if_none_match.contains(etag):
            response.status_code = HTTPStatus.NOT_MODIFIED
            response.set_data(b"")
    return response
