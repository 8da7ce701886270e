"""`Accept`: which form of an answer a request likes best."""

from functools import lru_cache

from flask import Response, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from service.errors import NotAcceptable

MOST_REMEMBERED = 64


def preferred(kinds: tuple[str, ...]) -> str:
    """Return the media type that the request likes best; raise NotAcceptable where it likes none.

    The first is taken where the request does not say, or likes several as much.
    """
    said = request.headers.get("Accept")
    kind = liked(said, kinds) if said else kinds[0]
    if kind is None:
        raise NotAcceptable(f"Accept {request.accept_mimetypes}: there are {', '.join(kinds)}")
    return kind


@lru_cache(MOST_REMEMBERED)
def liked(said: str, kinds: tuple[str, ...]) -> str | None:
    """Return the media type that a header likes best, which clients say in few ways."""
    accepted = parse_accept_header(said, MIMEAccept)
    return accepted.best_match(kinds) if accepted else kinds[0]


def varying(response: Response) -> Response:
    """Return an answer of which there are several forms."""
    response.headers["Vary"] = "Accept"
    return response
