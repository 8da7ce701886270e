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

from service.errors.error import (
    MOST_FAULTS,
    PROBLEM_JSON,
    PROBLEM_TYPE,
    Fault,
    ServiceError,
    readable,
)
from service.errors.failures import (
    Cancelled,
    ComputeFailed,
    FitFailed,
    InvalidOutput,
    JobFailure,
    ModelCrashed,
    OutOfMemory,
    StorageFull,
    SubjectGone,
    TimedOut,
    TooFewLabels,
    UnusableItems,
    UnusableLabels,
    UnusableMetadata,
    WorkerLost,
)
from service.errors.missing import (
    AcquisitionNotFound,
    EstimatorNotFound,
    ExclusionSetNotFound,
    JobNotFound,
    LearnerNotFound,
    LeaseNotFound,
    ModelNotFound,
    NotFound,
    PartNotFound,
    PoolNotFound,
    PredictionsNotFound,
    RankingNotFound,
    SimulationNotFound,
)
from service.errors.requests import (
    Conflict,
    DuplicateItem,
    Forbidden,
    InvalidRequest,
    LengthRequired,
    MalformedBody,
    MethodNotAllowed,
    ModelRefused,
    NotAcceptable,
    TooBusy,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnsupportedFormat,
    UploadRefused,
)

__all__ = [
    "MOST_FAULTS",
    "PROBLEM_JSON",
    "PROBLEM_TYPE",
    "AcquisitionNotFound",
    "Cancelled",
    "ComputeFailed",
    "Conflict",
    "DuplicateItem",
    "EstimatorNotFound",
    "ExclusionSetNotFound",
    "Fault",
    "FitFailed",
    "Forbidden",
    "InvalidOutput",
    "InvalidRequest",
    "JobFailure",
    "JobNotFound",
    "LearnerNotFound",
    "LeaseNotFound",
    "LengthRequired",
    "MalformedBody",
    "MethodNotAllowed",
    "ModelCrashed",
    "ModelNotFound",
    "ModelRefused",
    "NotAcceptable",
    "NotFound",
    "OutOfMemory",
    "PartNotFound",
    "PoolNotFound",
    "PredictionsNotFound",
    "RankingNotFound",
    "ServiceError",
    "SimulationNotFound",
    "StorageFull",
    "SubjectGone",
    "TimedOut",
    "TooBusy",
    "TooFewLabels",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "UnsupportedFormat",
    "UnusableItems",
    "UnusableLabels",
    "UnusableMetadata",
    "UploadRefused",
    "WorkerLost",
    "readable",
]
