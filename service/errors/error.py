"""What every error has: a code, a status, a title, and faults by pointer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

PROBLEM_TYPE = "urn:shortlist:problem:"
MOST_FAULTS = 50
LONGEST_TEXT = 10_000
PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where (a JSON pointer, or a place in a file), and what."""

    pointer: str
    detail: str


def readable(text: str) -> str:
    """Return a text that may hold anything a client sent so that every program can read it."""
    return text.encode("utf-8", "backslashreplace").decode()[:LONGEST_TEXT]


class ServiceError(Exception):
    """Something went wrong"""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        detail: str,
        *,
        faults: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> None:
        self.detail = readable(detail)
        super().__init__(self.detail)
        self.faults = tuple(
            Fault(readable(fault.pointer), readable(fault.detail)) for fault in faults[:MOST_FAULTS]
        )
        self.headers = dict(headers or {})
        self.http_status = status or self.status
        self.instance: str | None = None

    def problem(self) -> dict[str, Any]:
        """Return the RFC 9457 document, without what only the request knows."""
        return {
            "type": PROBLEM_TYPE + self.code,
            "title": (type(self).__doc__ or "").strip(),
            "status": self.http_status,
            "detail": self.detail,
            "code": self.code,
            "errors": [asdict(fault) for fault in self.faults],
            **({"instance": self.instance} if self.instance else {}),
        }
