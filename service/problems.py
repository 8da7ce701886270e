"""Errors as they are read back from a problem document: a job's record, a word of the sandbox."""

from collections.abc import Mapping
from typing import Any

from service.errors import Fault, ServiceError


def every_error() -> dict[str, type[ServiceError]]:
    """Return all error classes by code."""
    found: dict[str, type[ServiceError]] = {}
    waiting: list[type[ServiceError]] = [ServiceError]
    while waiting:
        kind = waiting.pop()
        found[kind.code] = kind
        waiting.extend(kind.__subclasses__())
    return found


def from_problem(problem: Mapping[str, Any]) -> ServiceError:
    """Return the error that a problem document describes, for one read back from a record."""
    kind = every_error().get(str(problem.get("code")), ServiceError)
    faults = [Fault(str(e["pointer"]), str(e["detail"])) for e in problem.get("errors", ())]
    return kind(str(problem.get("detail", "")), faults=faults)
