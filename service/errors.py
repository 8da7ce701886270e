"""Everything that can go wrong, each with its code, status and title.

    ServiceError
    ├── InvalidRequest 422 … what was sent can be read and makes no sense
    ├── NotFound 404       … the thing named is not here
    ├── Conflict 409       … the thing is here, in another state
    ├── UploadRefused 422  … items or predictions could not be taken
    ├── ModelRefused 422   … an artifact could not be taken
    └── JobFailure         … a job ended without its result

An error is a problem (RFC 9457) wherever it is read: in an HTTP answer, in a job's record, and on
its way out of the sandbox. The class docstring is the problem's title.
"""

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


class InvalidRequest(ServiceError):
    """The request makes no sense as it is"""

    status, code = 422, "invalid_request"


class MalformedBody(ServiceError):
    """The body cannot be read"""

    status, code = 400, "malformed_body"


class Unauthorized(ServiceError):
    """A key is needed"""

    status, code = 401, "unauthorized"


class MethodNotAllowed(ServiceError):
    """This resource has no such method"""

    status, code = 405, "method_not_allowed"


class UnsupportedFormat(ServiceError):
    """This format is not taken here"""

    status, code = 415, "unsupported_format"


class LengthRequired(ServiceError):
    """The length of the body must be known"""

    status, code = 411, "length_required"


class TooLarge(ServiceError):
    """A limit was passed"""

    status, code = 413, "too_large"


class TooBusy(ServiceError):
    """Too much is waiting already"""

    status, code = 429, "too_busy"


class Unavailable(ServiceError):
    """A part of the service cannot be reached now"""

    status, code = 503, "unavailable"


class NotFound(ServiceError):
    """There is nothing here"""

    status, code = 404, "not_found"


class PoolNotFound(NotFound):
    """There is no such pool"""

    code = "pool_not_found"


class PartNotFound(NotFound):
    """The pool has no such part"""

    code = "part_not_found"


class ModelNotFound(NotFound):
    """There is no such model"""

    code = "model_not_found"


class PredictionsNotFound(NotFound):
    """The pool has no such predictions"""

    code = "predictions_not_found"


class JobNotFound(NotFound):
    """There is no such job"""

    code = "job_not_found"


class RankingNotFound(NotFound):
    """There is no such ranking"""

    code = "ranking_not_found"


class AcquisitionNotFound(NotFound):
    """There is no such acquisition function"""

    code = "acquisition_not_found"


class ExclusionSetNotFound(NotFound):
    """The pool has no such exclusion set"""

    code = "exclusion_set_not_found"


class Conflict(ServiceError):
    """The resource is in another state"""

    status, code = 409, "conflict"


class UploadRefused(ServiceError):
    """The upload was not taken"""

    status, code = 422, "upload_refused"


class DuplicateItem(UploadRefused):
    """An item id is in the pool already, or twice in the upload"""

    code = "duplicate_item"


class ModelRefused(ServiceError):
    """The model was not taken"""

    status, code = 422, "model_refused"


class JobFailure(ServiceError):
    """The job failed"""

    status, code = 422, "job_failed"


class ModelCrashed(JobFailure):
    """The process that held the client's bytes died"""

    code = "crashed"


class TimedOut(JobFailure):
    """The deadline passed"""

    code = "timeout"


class OutOfMemory(JobFailure):
    """The memory limit was passed"""

    code = "out_of_memory"


class InvalidOutput(JobFailure):
    """The model's output cannot be used"""

    code = "invalid_output"


class UnusableLabels(JobFailure):
    """The pool's labels do not fit the predictions"""

    code = "unusable_labels"


class UnusableItems(JobFailure):
    """The items cannot be used so"""

    code = "unusable_items"


class UnusableMetadata(JobFailure):
    """The pool's metadata cannot be used so"""

    code = "unusable_metadata"


class StorageFull(JobFailure):
    """The disk is nearly full"""

    status, code = 507, "storage_full"


class SubjectGone(JobFailure):
    """What the job works on was deleted"""

    status, code = 409, "subject_gone"


class WorkerLost(JobFailure):
    """The worker died, twice"""

    status, code = 500, "worker_lost"


class Cancelled(ServiceError):
    """The job was cancelled"""

    status, code = 409, "cancelled"


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
