"""JSON as it is taken here: UTF-8, every key once, nested only as deep as makes sense."""

import json
from typing import Any

from workers.untrusted.formats.faults import quoted, refusal


class NotStrict(ValueError):
    """The text is read by lenient parsers, and means different things to different ones."""


def parse(data: bytes, place: str) -> Any:
    """Return the value that a JSON text holds; `place` names the text in an error."""
    try:
        return DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refusal(f"The text is not UTF-8: byte {error.start} is wrong", place) from None
    except json.JSONDecodeError as error:
        where = f"character {error.pos + 1}"
        raise refusal(f"The text is not JSON: {error.msg} at {where}", place) from None
    except NotStrict as error:
        raise refusal(str(error), place) from None
    except ValueError:
        raise refusal("The text holds a number of thousands of digits", place) from None
    except RecursionError:
        raise refusal("The text is nested too deeply", place) from None


def as_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, if it names every key once."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotStrict(f"The text holds the key {quoted(twice)} twice in one object")
    return found


# NaN and Infinity are no JSON; they are read here all the same, because whoever checks the values
# can name the item that holds them.
DECODER = json.JSONDecoder(object_pairs_hook=as_object, parse_constant=float)
