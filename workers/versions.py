"""Which versions of which libraries did the work."""

from importlib.metadata import version

LIBRARIES = {
    "skops": ("scikit-learn", "skops"),
    "joblib": ("scikit-learn", "joblib"),
    "onnx": ("onnxruntime",),
}
OURS = ("shortlist", "numpy")
LEARNING = "scikit-learn"


def versions_of(format: str) -> dict[str, str]:
    """Return the versions of what opens a model of a format and asks it."""
    return {name: version(name) for name in LIBRARIES[format]}


def own_versions(*, learning: bool = False) -> dict[str, str]:
    """Return the versions of what computes scores, and of what learns from the pool if any does."""
    return {name: version(name) for name in (*OURS, *((LEARNING,) if learning else ()))}
