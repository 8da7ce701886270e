"""`Accept`: which form of an answer a request likes best."""

from flask import Response, request

from service.errors import NotAcceptable


def preferred(kinds: tuple[str, ...]) -> str:
    """Return the media type that the request likes best; raise NotAcceptable where it likes none.

    The first is taken where the request does not say, or likes several as much.
    """
    kind = request.accept_mimetypes.best_match(kinds) if request.accept_mimetypes else kinds[0]
    if kind is None:
        raise NotAcceptable(f"Accept {request.accept_mimetypes}: there are {', '.join(kinds)}")
    return kind


def varying(response: Response) -> Response:
    """Return an answer of which there are several forms."""
    response.vary.add("Accept")
    return response
