"""How jobs end without a result."""

from service.errors.error import ServiceError


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
    """The pool's labels cannot be used so"""

    code = "unusable_labels"


class TooFewLabels(UnusableLabels):
    """There are too few labels to fit a model on"""

    code = "too_few_labels"


class FitFailed(JobFailure):
    """The estimator could not be fitted"""

    code = "fit_failed"


class ComputeFailed(JobFailure):
    """The cluster could not do the work"""

    status, code = 503, "compute_failed"


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
