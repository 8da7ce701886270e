"""JSON as it is taken here: UTF-8, every key once, nested only as deep as makes sense."""

import json
from typing import Any

from service.strictjson import NameTwice, members
from workers.untrusted.formats.faults import refusal


def parse(data: bytes, place: str) -> Any:
    """Return the value that a JSON text holds; `place` names the text in an error."""
    try:
        return DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refusal(f"The text is not UTF-8: byte {error.start} is wrong", place) from None
    except json.JSONDecodeError as error:
        where = f"character {error.pos + 1}"
        raise refusal(f"The text is not JSON: {error.msg} at {where}", place) from None
    except NameTwice as error:
        raise refusal(str(error), place) from None
    except ValueError:
        raise refusal("The text holds a number of thousands of digits", place) from None
    except RecursionError:
        raise refusal("The text is nested too deeply", place) from None


# NaN and Infinity are no JSON; they are read here all the same, because whoever checks the values
# can name the item that holds them.
DECODER = json.JSONDecoder(object_pairs_hook=members, parse_constant=float)
