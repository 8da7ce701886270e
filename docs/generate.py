"""`python docs/generate.py`: write the pages of this directory that the code itself can tell."""  # noqa: INP001 (a script)

from collections.abc import Iterator
from pathlib import Path

from service.acquisition import REGISTRY, Acquisition, Parameter
from service.cli import table
from service.errors import PROBLEM_TYPE, ServiceError, every_error
from service.settings import Settings

NOTE = "<!-- Written by docs/generate.py from the code: change that, and run it. -->"

ACQUISITIONS = """# Acquisition functions

A higher `score` is always labelled sooner. `raw_score` is the field's own quantity, which for some
functions is read the other way: it is given beside the score. The same catalogue, with a JSON
Schema of the parameters, is at `GET /v1/acquisitions`. Run `random` beside another function: it is
the baseline to beat.

To score a pool by several functions at once, name them in one `POST /v1/scorings`; they share one
pass of the model, and each makes a ranking:

```json
{
  "pool": "…",
  "model": "…",
  "acquisitions": [{"name": "margin"}, {"name": "random", "parameters": {"seed": 7}}]
}
```
"""

SETTINGS = """# Settings

Settings are environment variables. `shortlist settings` prints this table. A variable that begins
with `SHORTLIST_` and is not in it is refused at the start, so that a misspelt one is never silently
ignored. `shortlist serve` also takes `--data-dir`, `--host`, `--port` and `--workers`, which win
over the variables; `shortlist serve --help` tells which command takes which.

Settings marked with an asterisk are limits that clients can read at `GET /v1/limits`. Seconds and
bytes are whole numbers.
"""

ERRORS = f"""# Errors

Every error is an RFC 9457 problem (`application/problem+json`), also the one in the `error` of a
job that failed:

```json
{{
  "type": "{PROBLEM_TYPE}invalid_request",
  "title": "The request makes no sense as it is",
  "status": 422,
  "detail": "The request does not fit its schema",
  "code": "invalid_request",
  "errors": [{{"pointer": "/acquisitions/0/name", "detail": "Not a function; there are: …"}}],
  "request_id": "8f14e45fceea467a9b3c2a1d0e5f6789"
}}
```

Decide by `code`, show `detail`. `errors` names each thing that is wrong: by JSON pointer in a body
(`/labels/3/id`), as `?n` in a query, or by a place in a file (`row 7, column "width"`).
`request_id` is also in the `X-Request-Id` of every answer, and is your own where you sent one; the
error in a job has none.

A `Retry-After` header says that the same request may succeed later.
"""


def main() -> None:
    """Write every page."""
    for name, text in pages().items():
        Path(__file__).with_name(name).write_text(text)


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file's name."""
    return {
        "acquisitions.md": page(ACQUISITIONS, acquisitions()),
        "settings.md": page(SETTINGS, settings()),
        "errors.md": page(ERRORS, errors()),
    }


def page(opening: str, lines: Iterator[str]) -> str:
    """Return a page that begins with prose."""
    return "\n".join([NOTE, opening, *lines]) + "\n"


def acquisitions() -> Iterator[str]:
    """Yield a table of the functions, then each in full."""
    yield "| function | needs | what it is |"
    yield "| --- | --- | --- |"
    for name, entry in REGISTRY.items():
        needs = "a model" if entry.needs_predictions else "nothing but the items"
        yield f"| [`{name}`](#{name}) | {needs} | {entry.summary} |"
    for entry in REGISTRY.values():
        yield from function(entry)


def function(entry: Acquisition) -> Iterator[str]:
    """Yield all that is known of one function."""
    yield from ("", f"## {entry.name}", "", entry.summary, "", entry.description, "")
    yield f"- Formula: {entry.formula}"
    yield f"- Raw score: {entry.raw_name}; {entry.raw_direction} is labelled sooner"
    yield f"- Evidence: {', '.join(f'`{need}`' for need in entry.needs)}"
    yield f"- Reference: {entry.reference}"
    if entry.parameters:
        yield from ("", "| parameter | type | default | bounds | meaning |")
        yield "| --- | --- | --- | --- | --- |"
        yield from (row(parameter) for parameter in entry.parameters)


def row(parameter: Parameter) -> str:
    """Return one parameter as a row of a table."""
    schema = parameter.json_schema()
    words = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}
    bounds = ", ".join(f"{word} {schema[key]}" for key, word in words.items() if key in schema)
    default = str(parameter.default).lower() if schema["type"] == "boolean" else parameter.default
    return (
        f"| `{parameter.name}` | {schema['type']} | `{default}` | {bounds} |"
        f" {parameter.tunable.help} |"
    )


def settings() -> Iterator[str]:
    """Yield the table of the settings, the published limits marked."""
    limits = {f"| `SHORTLIST_{name.upper()}` |" for name in Settings().limits()}
    for line in table():
        head = next((limit for limit in limits if line.startswith(limit)), None)
        yield line if head is None else line.replace(head, head.removesuffix(" |") + " * |", 1)


def errors() -> Iterator[str]:
    """Yield the table of the errors, by status."""
    yield "| status | code | title |"
    yield "| --- | --- | --- |"
    found = every_error().values()
    for kind in sorted(found, key=lambda kind: (kind.status, kind.code)):
        yield f"| {kind.status} | `{kind.code}` | {title(kind)} |"


def title(kind: type[ServiceError]) -> str:
    """Return what an error is called."""
    return (kind.__doc__ or "").strip()


if __name__ == "__main__":
    main()
