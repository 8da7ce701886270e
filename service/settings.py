"""What an operator may set: each setting once, with its default, its bounds and what it does.

A setting `data_dir` is read from `SHORTLIST_DATA_DIR`. An unknown `SHORTLIST_…` variable is an
error, so that a misspelt one is never silently ignored.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

PREFIX = "SHORTLIST_"
MIB = 1024**2
GIB = 1024**3
TIB = 1024**4
LARGEST = 2**53
LONGEST_ID = 65_536
"""Bytes of the longest id that is ever looked for; padding many to a longer one takes memory."""


class InvalidSettings(Exception):
    """A setting is unknown, or its value makes no sense."""


def setting(
    default: Any, help: str, *, at_least: int = 0, at_most: int = LARGEST, limit: bool = False
) -> Any:
    """Declare a setting; `limit` publishes it at `GET /v1/limits`."""
    return dataclasses.field(
        default=default, metadata={"help": help, "bounds": (at_least, at_most), "limit": limit}
    )


@dataclass(frozen=True)
class Settings:
    """Everything that may differ between two installations."""

    data_dir: Path = setting(
        Path("data"), "where pools, models, rankings and the embedded server's data live"
    )
    redis_url: str = setting("", "a Redis or Valkey to use instead of the embedded server")
    storage_url: str = setting(
        "", "a bucket for the files, `s3://bucket/prefix`; the data directory then keeps copies"
    )
    cache_bytes: int = setting(
        20 * GIB, "bytes of a bucket's files that a machine keeps as copies", at_least=MIB
    )
    host: str = setting("127.0.0.1", "the address the API listens on")
    port: int = setting(8000, "the port the API listens on; 0 takes a free one", at_most=65_535)
    api_key: str = setting("", "a key of the workspace `default`, beside those of `shortlist keys`")
    api_processes: int = setting(2, "processes that serve the API", at_least=1)
    drain_seconds: int = setting(
        0,
        "seconds for which a service that is told to stop still takes requests, while /readyz says"
        " that it is not ready",
        at_most=3_600,
    )
    api_threads: int = setting(16, "requests that one API process serves at once", at_least=4)
    workers: int = setting(2, "workers that `shortlist serve` starts", at_least=1)
    score_threads: int = setting(
        0, "threads in which one scoring asks a forest; 0: the processors divided by the workers"
    )
    allow_joblib: bool = setting(False, "accept joblib models, which run their sender's code")
    sandbox_memory: int = setting(
        4 * GIB, "bytes that a process holding client bytes may use", at_least=256 * MIB, limit=True
    )
    compute: str = setting(
        "", "a Dask scheduler's address, as tcp://host:8786: trainings and simulations run there"
    )
    fit_processes: int = setting(
        1, "processes of this machine that one training or simulation may use", at_least=1
    )
    gpu: bool = setting(False, "run ONNX models on a GPU where there is one, with onnxruntime-gpu")
    piece_items: int = setting(
        1_000_000,
        "items, at least, of a piece of a scoring that several workers share, cut between parts",
        at_least=1,
    )
    job_timeout: int = setting(3600, "seconds a job may run", at_least=1, limit=True)
    upload_timeout: int = setting(900, "seconds reading an upload may take", at_least=1, limit=True)
    heartbeat: int = setting(2, "seconds between two signs of life of a busy worker", at_least=1)
    max_upload_bytes: int = setting(16 * GIB, "bytes of one part or model", at_least=1, limit=True)
    max_json_bytes: int = setting(
        32 * MIB, "bytes of a JSON request body, item uploads apart", at_least=1024, limit=True
    )
    max_label_bytes: int = setting(
        256 * MIB, "bytes of a request body of labels", at_least=1024, limit=True
    )
    max_pool_items: int = setting(100_000_000, "items of one pool", at_least=1, limit=True)
    max_pool_parts: int = setting(1_000, "parts of one pool", at_least=1, limit=True)
    max_item_values: int = setting(1_048_576, "feature values of one item", at_least=1, limit=True)
    max_id_bytes: int = setting(
        512, "UTF-8 bytes of one item id", at_least=1, at_most=LONGEST_ID, limit=True
    )
    max_metadata_columns: int = setting(64, "metadata columns of one pool", limit=True)
    max_metadata_bytes: int = setting(4_096, "UTF-8 bytes of one metadata string", limit=True)
    max_members: int = setting(1_000, "members of one committee", at_least=1, limit=True)
    max_classes: int = setting(100_000, "classes of one model", at_least=2, limit=True)
    max_functions: int = setting(16, "acquisition functions of one job", at_least=1, limit=True)
    max_scoring_work: int = setting(
        20 * 10**12,
        "multiplications that one function of a job may need",
        at_least=1,
        limit=True,
    )
    max_prediction_bytes: int = setting(
        64 * GIB, "bytes that the members of one model may say of a pool", limit=True
    )
    reading_cache_bytes: int = setting(
        64 * MIB, "bytes of exclusion sets and records that an API process keeps for readings"
    )
    max_page: int = setting(100_000, "rows of one answer", at_least=1, limit=True)
    max_ids: int = setting(1_000_000, "ids of one request", at_least=1, limit=True)
    max_exclusion_sets: int = setting(1_000, "exclusion sets of one pool", at_least=1, limit=True)
    max_predictions: int = setting(
        1_000, "uploads of predictions that one pool keeps", at_least=1, limit=True
    )
    max_parameter_bytes: int = setting(
        MIB, "bytes, as JSON, of the parameters of one job's functions", at_least=1024, limit=True
    )
    max_queued_jobs: int = setting(
        10_000, "jobs that wait at once, those of all workspaces together", at_least=1, limit=True
    )
    max_workspace_jobs: int = setting(
        5_000, "jobs of one workspace that wait or run at once", at_least=1, limit=True
    )
    max_workspace_bytes: int = setting(
        TIB, "bytes that the files of one workspace take", at_least=1, limit=True
    )
    job_retention_days: int = setting(
        0, "days after which a job that has ended is forgotten; 0: never", at_most=36_500
    )
    ranking_retention_days: int = setting(
        0,
        "days after which a ranking is deleted, those of learners apart; 0: never",
        at_most=36_500,
    )
    max_bodies: int = setting(
        4,
        "uploads, and as many other bodies, that one API process reads at once; a quarter of its"
        " threads at the most",
        at_least=1,
        limit=True,
    )
    max_lease_seconds: int = setting(
        86_400, "seconds for which a lease holds items", at_least=1, limit=True
    )
    max_lease_items: int = setting(1_000, "items of one lease", at_least=1, limit=True)
    max_leases: int = setting(
        10_000, "leases of one pool that hold items at once", at_least=1, limit=True
    )
    max_turns: int = setting(
        1_000, "turns that the history of one learner keeps", at_least=10, limit=True
    )
    max_simulation_fits: int = setting(
        100_000, "models that one simulation fits", at_least=1, limit=True
    )
    simulation_timeout: int = setting(
        86_400, "seconds a simulation may run", at_least=1, limit=True
    )
    max_wait: int = setting(30, "seconds a request may wait for its job", limit=True)
    max_waiters: int = setting(
        4,
        "requests that wait for their jobs at once in one API process, a quarter of its threads at"
        " the most; more are answered at once",
        limit=True,
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings from `SHORTLIST_…` variables; raise InvalidSettings for a wrong one."""
        fields = {PREFIX + field.name.upper(): field for field in dataclasses.fields(cls)}
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        for name, text in environ.items():
            if not name.startswith(PREFIX) or name in INTERNAL:
                continue
            if name not in fields:
                raise InvalidSettings(f"{name} is not a setting; known are {', '.join(fields)}")
            field = fields[name]
            values[field.name] = parse(name, text, hints[field.name], field.metadata["bounds"])
        return cls(**values)

    def environment(self) -> dict[str, str]:
        """Return the variables from which these settings can be read again."""
        return {
            PREFIX + field.name.upper(): str(getattr(self, field.name))
            for field in dataclasses.fields(self)
        }

    def limits(self) -> dict[str, dict[str, Any]]:
        """Return the published limits, each with its value and meaning."""
        return {
            field.name: {"value": getattr(self, field.name), "meaning": field.metadata["help"]}
            for field in dataclasses.fields(self)
            if field.metadata["limit"]
        }


SANDBOX_ADDRESS = PREFIX + "SANDBOX_ADDRESS"
"""Set by a worker for its own work-horses; not an operator's to set."""

INTERNAL = frozenset({SANDBOX_ADDRESS})


def parse(name: str, text: str, kind: type, bounds: tuple[int, int]) -> Any:
    """Return a setting's value from its text."""
    if kind is Path:
        return Path(text)
    if kind is str:
        return text
    if kind is bool:
        truth = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in truth:
            raise InvalidSettings(f"{name} must be true or false, not {text!r}")
        return truth[text.lower()]
    try:
        value = int(text)
    except ValueError:
        raise InvalidSettings(f"{name} must be a whole number, not {text!r}") from None
    if not bounds[0] <= value <= bounds[1]:
        raise InvalidSettings(f"{name} must be from {bounds[0]} to {bounds[1]}, not {value}")
    return value
