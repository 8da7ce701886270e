"""What was asked for: how a body of predictions is to be read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.errors import UnsupportedFormat
from service.given import LOGITS, PROBABILITIES, SCALES, TABLES
from workers.untrusted.formats.arrays import DType
from workers.untrusted.formats.faults import quoted, refusal
from workers.untrusted.formats.upload import Limits, Upload
from workers.untrusted.given.kinds import KINDS, Kind

FLOATS = ("float16", "float32", "float64")
VOTES = np.dtype(np.int32)


@dataclass(frozen=True)
class PredictionLimits(Limits):
    """What the operator allows."""

    max_classes: int
    max_members: int


@dataclass(frozen=True)
class Asked:
    """A body and all that was said of it; `classes` are as they were given, or None."""

    upload: Upload
    limits: PredictionLimits
    kind: Kind
    scale: str
    normalize: bool
    classes: Any
    axes: tuple[str, ...]

    @property
    def converted(self) -> bool:
        """Whether what is kept is computed from what was sent."""
        return self.scale != PROBABILITIES

    @property
    def text_dtype(self) -> DType:
        """The type in which numbers that came as text are kept."""
        return np.dtype(self.upload.options.dtype or "float64")

    def stored(self, sent: DType) -> DType:
        """Return the type in which values that were sent in one are kept."""
        if self.kind.name == "votes":
            return VOTES
        return np.dtype(np.float64) if self.converted else sent.newbyteorder("<")


def read_request(
    upload: Upload, limits: PredictionLimits, media_type: str, options: Mapping[str, Any]
) -> Asked:
    """Return what was asked for, if it makes sense together."""
    kind = KINDS.get(str(options.get("kind")))
    if kind is None:
        raise refusal(f"kind is one of {', '.join(KINDS)}", "kind")
    if media_type not in kind.formats:
        raise UnsupportedFormat(
            f"Predictions of kind {kind.name} cannot be told as {media_type}, which holds one "
            f"array; send one of {', '.join(kind.formats)}"
        )
    if options.get("id_column") not in {None, "id"} and media_type not in TABLES:
        raise refusal(f"id_column names a column of a table, and {media_type} has none", "query")
    asked = Asked(
        upload=upload,
        limits=limits,
        kind=kind,
        scale=read_scale(kind, options),
        normalize=read_normalize(kind, options),
        classes=options.get("classes"),
        axes=read_axes(kind, media_type, options.get("axes")),
    )
    check_dtype(asked)
    return asked


def read_scale(kind: Kind, options: Mapping[str, Any]) -> str:
    """Return what the numbers are."""
    scale = options.get("scale") or PROBABILITIES
    if scale not in SCALES:
        raise refusal(f"scale is one of {', '.join(SCALES)}, not {quoted(str(scale))}", "scale")
    if scale != PROBABILITIES and not kind.form.scaled:
        raise refusal(f"Predictions of kind {kind.name} have no scale: leave it out", "scale")
    return str(scale)


def read_normalize(kind: Kind, options: Mapping[str, Any]) -> bool:
    """Return whether probabilities are to be divided by their sum."""
    normalize = bool(options.get("normalize"))
    if normalize and not kind.form.summed:
        raise refusal(
            f"Predictions of kind {kind.name} need not sum to 1: leave normalize out", "normalize"
        )
    return normalize


def read_axes(kind: Kind, media_type: str, axes: Any) -> tuple[str, ...]:
    """Return the order of the axes of the array that is sent."""
    needed = kind.form.axes_in(media_type)
    if not needed and not axes:
        return kind.form.axes
    if not needed:
        raise refusal(
            f"axes says which axis of an array counts what; {kind.name} as {media_type} leave no "
            f"choice: leave it out",
            "axes",
        )
    if not axes or sorted(map(str, axes)) != sorted(needed):
        raise refusal(
            f"axes must name {', '.join(needed)}, each once, in the order of the array", "axes"
        )
    return tuple(axes)


def check_dtype(asked: Asked) -> None:
    """Refuse a type in which the predictions are not kept."""
    dtype = asked.upload.options.dtype
    if dtype is None:
        return
    if asked.kind.name == "votes":
        raise refusal("Votes are kept as whole numbers: leave dtype out", "dtype")
    if dtype not in FLOATS:
        raise refusal(f"dtype is one of {', '.join(FLOATS)}, not {quoted(dtype)}", "dtype")
    if asked.converted and dtype != "float64":
        what = "logits" if asked.scale == LOGITS else "log-probabilities"
        raise refusal(f"Probabilities made of {what} are float64: leave dtype out", "dtype")
