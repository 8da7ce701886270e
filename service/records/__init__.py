"""What the service remembers, as values that never change.

A change is a new value that replaces the old one, if the old one is still what is stored.
"""

from service.records.jobs import (
    ACTIVE,
    CANCELLED,
    CANCELLING,
    FAILED,
    FINAL,
    QUEUED,
    RUNNING,
    STATES,
    SUCCEEDED,
    Job,
    active,
)
from service.records.keys import ADMIN, MODELS, READ, SCOPES, WRITE, Key
from service.records.labels import ClassCounts, Labelling
from service.records.learners import Learner, Turn
from service.records.leases import (
    LEASED,
    MOST_OVERLAP,
    Annotation,
    Completion,
    Decision,
    Lease,
    LeaseSummary,
    Release,
    Spoken,
    Standing,
)
from service.records.models import FLOAT64_BYTES, Model
from service.records.pools import DELETED, FEATURELESS, LABELLED, Part, Pool
from service.records.predictions import Predictions
from service.records.rankings import Ranking
from service.records.record import Document, Record, new_id, now, written
from service.records.simulations import Simulation
from service.records.unsettled import Unsettled

__all__ = [
    "ACTIVE",
    "ADMIN",
    "CANCELLED",
    "CANCELLING",
    "DELETED",
    "FAILED",
    "FEATURELESS",
    "FINAL",
    "FLOAT64_BYTES",
    "LABELLED",
    "LEASED",
    "MODELS",
    "MOST_OVERLAP",
    "QUEUED",
    "READ",
    "RUNNING",
    "SCOPES",
    "STATES",
    "SUCCEEDED",
    "WRITE",
    "Annotation",
    "ClassCounts",
    "Completion",
    "Decision",
    "Document",
    "Job",
    "Key",
    "Labelling",
    "Learner",
    "Lease",
    "LeaseSummary",
    "Model",
    "Part",
    "Pool",
    "Predictions",
    "Ranking",
    "Record",
    "Release",
    "Simulation",
    "Spoken",
    "Standing",
    "Turn",
    "Unsettled",
    "active",
    "new_id",
    "now",
    "written",
]
