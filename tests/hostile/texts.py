"""Text that no reader should believe: CSV, JSON and lines of it, and the ids in them."""

import json
from functools import partial

from tests.hostile.file import CSV, ITEMS, JSON, LABELS, NDJSON, PREDICTIONS, Hostile

LEVELS = 100_000
LONG_LINE = 16 * 1024**2
LONG_LABEL_LINE = 1024**2 + 1
LONG_ID = "x" * 10 * 1024**2


def rows(*lines, header="id,x,y"):
    """A table."""
    return "\n".join([header, *lines, ""]).encode()


def open_quote():
    """A table whose first quote is never closed."""
    return rows('"a,1,2', *(f"{number},1,2" for number in range(100_000)))


def long_line(start, filling):
    """One line of 16 MiB."""
    return start + filling * (LONG_LINE // len(filling)) + b"\n"


def many_columns():
    """A header of 100,000 columns."""
    return ("id," + ",".join(f"x{number}" for number in range(100_000)) + "\na,1\n").encode()


def item(features="[1, 2]", id='"a"', more=""):
    """An item of JSON."""
    return f'{{"id": {id}, "features": {features}{more}}}'


def items(text):
    """A document of one item."""
    return f'{{"items": [{text}]}}'.encode()


def probs(text):
    """A document of the predictions of one item."""
    return f'{{"items": [{{"id": "a", "probs": {text}}}]}}'.encode()


def label(text='"cat"', id='"0"'):
    """A document of one label."""
    return f'{{"labels": [{{"id": {id}, "label": {text}}}]}}'.encode()


def label_among_many():
    """A document of 20,000 labels of which one has an id of 10 MB."""
    ids = [LONG_ID, *(str(number) for number in range(20_000))]
    return json.dumps({"labels": [{"id": id, "label": 1} for id in ids]}).encode()


def nested(opened="[", closed="]"):
    """100,000 levels."""
    return opened * LEVELS + closed * LEVELS


DOCUMENTS = {
    "NaN": (item("[NaN, 1]"), "NaN"),
    "infinity": (item("[1, -Infinity]"), "infinite"),
    "a number beyond all": (item("[1e999, 1]"), "infinite"),
    "a number of 100,000 digits": (item(f"[{'7' * 100_000}, 1]"), "thousands of digits"),
    "a whole number that would be rounded": (item(f"[{2**53 + 1}, 1]"), r"2\*\*53"),
    "one key twice": (item(more=', "id": "b"'), "'id' stands twice"),
    "lists of 100,000 levels": (item(nested()), "nested too deeply"),
    "objects of 100,000 levels": (item(nested('{"a":', "}")), "nested too deeply|not JSON"),
    "half of a surrogate pair": (item(id='"\\ud800"'), "half of a surrogate pair"),
    "half of a pair in metadata": (item(more=', "metadata": {"\\udfff": 1}'), "must be text"),
    "half of a pair in a value": (item(more=', "metadata": {"a": "\\udfff"}'), "surrogate"),
    "an id of 10 MB": (item(id=f'"{LONG_ID}"'), "at most 512|longer than"),
    "a key of 10 MB": (item(more=f', "{LONG_ID}": 1'), "unknown key|longer than"),
    "a number among the ids": (item(id="7"), "ids are strings"),
}
"""Name -> an item, and why it is refused as JSON and as a line."""

TABLES = {
    "a row too wide": (rows("a,1,2,3"), "row 2"),
    "a row too narrow": (rows("a,1"), "row 2"),
    "an open quote": (None, "longer than|no CSV"),
    "text behind a quote": (rows('"a"b,1,2'), "no CSV"),
    "Latin-1": (rows("café,1,2").decode().encode("latin-1"), "not UTF-8"),
    "UTF-16": (rows("a,1,2").decode().encode("utf-16"), "not UTF-8"),
    "zeros": (rows("a\0b,1\0,2"), "NUL|number"),
    "zeros in the header": (rows("a,1,2", header="id,\0,\0"), "two columns|Two columns"),
    "a formula for a number": (rows("a,=1+1,2"), '"=1.1" where a number'),
    "a number not finite": (rows("a,inf,2"), "number"),
    "digits of another script": (rows("a,\N{ARABIC-INDIC DIGIT ONE},2"), "number"),
    "underscores": (rows("a,1_0,2"), "number"),
    "an id of 10 MB": (rows(f"{LONG_ID},1,2"), "at most 512|longer than"),
    "one name twice": (rows("a,1,2", header="id,x,x"), "Two columns"),
}
"""Name -> a table, and why it is refused."""


def documents():
    """Every document as JSON and as a line."""
    for name, (text, reason) in DOCUMENTS.items():
        yield Hostile(name, ITEMS, JSON, partial(items, text), reason)
        yield Hostile(name, ITEMS, NDJSON, partial(str.encode, text + "\n"), reason)


def tables():
    """Every table."""
    for name, (content, reason) in TABLES.items():
        yield Hostile(
            name, ITEMS, CSV, open_quote if content is None else partial(bytes, content), reason
        )


FILES = (
    *documents(),
    *tables(),
    Hostile("100,000 columns", ITEMS, CSV, many_columns, "max_item_values|row 2|columns"),
    Hostile("a line without end", ITEMS, CSV, partial(long_line, b"id,x\n", b"7"), "longer than"),
    Hostile("a line without end", ITEMS, NDJSON, partial(long_line, b"", b"[1],"), "longer than"),
    Hostile("a mark before it", ITEMS, JSON, lambda: b"\xef\xbb\xbf" + items(item()), "not JSON"),
    Hostile("something behind it", ITEMS, JSON, lambda: items(item()) + b"{}", "not JSON"),
    Hostile("UTF-16", ITEMS, JSON, lambda: items(item()).decode().encode("utf-16"), "UTF-8"),
    Hostile("NaN", PREDICTIONS, JSON, lambda: probs("[NaN, 1]"), "NaN"),
    Hostile("100,000 levels", PREDICTIONS, JSON, lambda: probs(nested()), "nested too deeply"),
    Hostile("NaN", LABELS, JSON, lambda: label("NaN"), "no number|NaN"),
    Hostile("100,000 levels", LABELS, JSON, lambda: label(nested()), "nested too deep"),
    Hostile("one key twice", LABELS, JSON, lambda: label('"a", "label": "b"'), "stands twice"),
    Hostile("half of a pair", LABELS, JSON, lambda: label('"\\ud800"'), "surrogate"),
    Hostile("a number of 100,000 digits", LABELS, JSON, lambda: label("7" * 100_000), "64 bits"),
    Hostile("an id of 10 MB", LABELS, JSON, lambda: label(id=json.dumps(LONG_ID)), "pool|bytes"),
    Hostile("an id of 10 MB among many", LABELS, JSON, label_among_many, "pool does not know"),
    Hostile("a long line", LABELS, NDJSON, lambda: b"1" * LONG_LABEL_LINE, "A line has"),
)
