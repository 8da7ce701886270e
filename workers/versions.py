"""Which versions of which libraries did the work."""

from importlib.metadata import version

LIBRARIES = {
    "skops": ("scikit-learn", "skops"),
    "joblib": ("scikit-learn", "joblib"),
    "onnx": ("onnxruntime",),
}
OURS = ("shortlist", "numpy")
LEARNING = "scikit-learn"
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
"""What may run an ONNX model where a GPU may: onnxruntime's own names."""

COMPUTING = ("shortlist", "numpy", "scipy", "scikit-learn", "joblib")


INSTALLED = {
    name: version(name) for libraries in (COMPUTING, *LIBRARIES.values()) for name in libraries
}
"""The versions there are: read before a worker forks, so that no job of it has to look for them."""


def version_of(library: str) -> str:
    """Return the version of a library that is installed."""
    return INSTALLED[library]


def versions_of(format: str, provider: str | None = None) -> dict[str, str]:
    """Return the versions of what opens a model of a format and asks it, and what runs it."""
    ran = {} if provider is None else {"provider": provider}
    return {**{name: version_of(name) for name in LIBRARIES[format]}, **ran}


def own_versions(*, learning: bool = False) -> dict[str, str]:
    """Return the versions of what computes scores, and of what learns from the pool if any does."""
    return {name: version_of(name) for name in (*OURS, *((LEARNING,) if learning else ()))}


def computing_versions() -> dict[str, str]:
    """Return the versions that must be the same wherever the same shall be computed."""
    return {name: version_of(name) for name in COMPUTING}
