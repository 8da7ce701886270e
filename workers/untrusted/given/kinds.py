"""The kinds of predictions, and where each stands in a body."""

from dataclasses import dataclass

from service.given import FORMS, Form

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
NPY, NPZ, MULTIPART = "application/x-npy", "application/x-npz", "multipart/form-data"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
EVERY = (JSON, NDJSON, CSV, NPY, NPZ, ARROW, PARQUET, MULTIPART)
MANY_ARRAYS = tuple(name for name in EVERY if name != NPY)
TABLES = frozenset({CSV, ARROW, PARQUET})
ARRAYS = frozenset({NPY, NPZ, MULTIPART})

REGRESSION = ("mean", "std")


@dataclass(frozen=True)
class Kind:
    """One kind: the fields of an item that hold it, and the media types that can carry it."""

    name: str
    fields: tuple[str, ...]
    formats: tuple[str, ...] = EVERY
    ragged: bool = False
    least_classes: int = 2

    @property
    def form(self) -> Form:
        """What the service keeps of it."""
        return FORMS[self.name]

    @property
    def noun(self) -> str:
        """What its values are called in errors."""
        return " and ".join(self.fields)


KINDS = {
    kind.name: kind
    for kind in (
        Kind("probs", ("probs",)),
        Kind("members", ("members",)),
        Kind("votes", ("votes",)),
        Kind("objects", ("objects",), MANY_ARRAYS, ragged=True),
        Kind("tokens", ("tokens",), MANY_ARRAYS, ragged=True),
        Kind("multilabel", ("label_probs",), least_classes=1),
        Kind("regression", REGRESSION, MANY_ARRAYS),
        Kind("regression_members", ("values",)),
    )
}
