"""The names under which files are published: the server's own, never a client's."""

STAGING = "staging"
UPLOADS = "uploads"
WORK = "work"
LASTING = ("pools", "models", "forms", "predictions", "rankings", "simulations", UPLOADS)
"""Where stands what a workspace has on disk; not what is being written, or goes when a job ends."""


def part_name(pool: str, part: str) -> str:
    """Return the name of a part's directory."""
    return f"pools/{pool}/{part}"


def model_name(model: str) -> str:
    """Return the name of a model's artifact."""
    return f"models/{model}"


def model_manifest_name(model: str) -> str:
    """Return the name of the manifest of a model's artifact, which stands beside it."""
    return f"{model_name(model)}.json"


def form_name(model: str, version: str) -> str:
    """Return the name of the form of a model that a version of its library opens faster."""
    return f"forms/{model}/{version}"


def predictions_name(model: str, part: str) -> str:
    """Return the name of what a model says of a part."""
    return f"predictions/{model}/{part}"


def members_name(model: str, part: str) -> str:
    """Return the name of what each member of a model that is a committee says of a part."""
    return f"predictions/{model}/{part}-members"


def given_name(pool: str, predictions: str) -> str:
    """Return the name of the directory of predictions that a client gave."""
    return f"pools/{pool}/predictions/{predictions}"


def ranking_name(ranking: str) -> str:
    """Return the name of a ranking's directory."""
    return f"rankings/{ranking}"


def upload_name(token: str) -> str:
    """Return the name of a request body that waits for a worker."""
    return f"{UPLOADS}/{token}"


def work_name(job: str) -> str:
    """Return the name of the directory of what the workers at one job share until it ends."""
    return f"{WORK}/{job}"


def piece_name(job: str, number: int) -> str:
    """Return the name of the directory of what a piece of a job left."""
    return f"{work_name(job)}/piece-{number}"


def simulation_name(simulation: str) -> str:
    """Return the name of a simulation's directory."""
    return f"simulations/{simulation}"
