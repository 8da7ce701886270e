"""The kinds of predictions, and where each stands in a body."""

from dataclasses import dataclass

from service.given import FORMS, ONE_ARRAY, Form

JSON, NDJSON, CSV = "application/json", "application/x-ndjson", "text/csv"
NPY, NPZ, MULTIPART = ONE_ARRAY, "application/x-npz", "multipart/form-data"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
EVERY = (JSON, NDJSON, CSV, NPY, NPZ, ARROW, PARQUET, MULTIPART)

REGRESSION = ("mean", "std")


@dataclass(frozen=True)
class Kind:
    """One kind: the fields of an item that hold it."""

    name: str
    fields: tuple[str, ...]

    @property
    def form(self) -> Form:
        """What the service knows of it."""
        return FORMS[self.name]

    @property
    def formats(self) -> tuple[str, ...]:
        """The media types that can carry it: one array is not enough for all kinds."""
        return EVERY if self.form.axes else tuple(name for name in EVERY if name != ONE_ARRAY)

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
        Kind("objects", ("objects",)),
        Kind("tokens", ("tokens",)),
        Kind("multilabel", ("label_probs",)),
        Kind("regression", REGRESSION),
        Kind("regression_members", ("values",)),
    )
}
