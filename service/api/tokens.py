"""Page tokens: opaque, and good only for the question they came with."""

import base64
import binascii
import hashlib
import json
from typing import Any

import orjson

from service.api.blueprint import place_of
from service.errors import Fault, InvalidRequest

LARGEST_POSITION = 2**53


def issue(position: Any, question: Any) -> str:
    """Return the token that leads on from a position in the answer to a question."""
    text = orjson.dumps([fingerprint(question), position])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def redeem(token: str, question: Any, kind: type) -> Any:
    """Return a token's position; raise InvalidRequest where it belongs to another question."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        asked, position = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise refusal("This is no page token of this service") from None
    if asked != fingerprint(question):
        raise refusal("This page token belongs to another query: repeat the query unchanged")
    if type(position) is not kind or not sound(position):
        raise refusal("This is no page token of this service")
    return position


def sound(position: Any) -> bool:
    """Return whether a position could be one of ours."""
    if isinstance(position, int):
        return 0 <= position <= LARGEST_POSITION
    return isinstance(position, str) and position.isascii()


def refusal(detail: str) -> InvalidRequest:
    """Return the error for a token."""
    return InvalidRequest(
        "The page token cannot be used", faults=[Fault(place_of("page_token"), detail)]
    )


def fingerprint(question: Any) -> str:
    """Return a short name for a question."""
    text = orjson.dumps(question, option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(text).hexdigest()[:16]


def after(arguments: dict[str, Any], question: Any) -> str | None:
    """Return where a listing goes on, from a request's page_token, or None for the beginning."""
    token = arguments["page_token"]
    return None if token is None else str(redeem(token, question, str))


def start(arguments: dict[str, Any], question: Any) -> int:
    """Return the row or place from which a reading goes on, 0 for the beginning."""
    token = arguments["page_token"]
    return 0 if token is None else int(redeem(token, question, int))


def following(position: Any, question: Any) -> str | None:
    """Return the token for the next page, or None where there is none."""
    return None if position is None else issue(position, question)
