"""`make docs`: write the pages and pictures of `docs` that the code itself can tell."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from docs.generator.catalogue import acquisitions
from docs.generator.drawn import function
from docs.generator.picture import picture
from docs.generator.plane import plane
from service.acquisition import REGISTRY
from service.cli import table
from service.errors import PROBLEM_TYPE, ServiceError
from service.problems import every_error
from service.settings import Settings

NOTE = "<!-- Written by docs/generator from the code: change that, and run `make docs`. -->"

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


def main(directory: Path) -> None:
    """Write every page and picture into a directory, and remove pictures of what is no more."""
    found = pages() | {f"pictures/{name}.svg": text for name, text in pictures().items()}
    (directory / "pictures").mkdir(exist_ok=True)
    for old in directory.glob("pictures/*.svg"):
        old.unlink()
    for name, text in found.items():
        (directory / name).write_text(text)


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file's name."""
    return {
        "acquisitions.md": page(acquisitions()),
        "settings.md": page([SETTINGS, *settings()]),
        "errors.md": page([ERRORS, *errors()]),
    }


def pictures() -> dict[str, str]:
    """Return a picture of every function by its name."""
    pool = plane()
    return {name: picture(pool, function(pool, name)) for name in REGISTRY}


def page(lines: Iterable[str]) -> str:
    """Return a page of lines."""
    return "\n".join([NOTE, *lines]) + "\n"


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
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1])
