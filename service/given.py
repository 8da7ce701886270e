"""Predictions that clients gave: the kinds there are, and the files that hold them.

A directory of predictions holds the arrays of its kind, one row to an item that was predicted, in
the order in which the items came, and, unless that is every item of the pool in pool order,
`places.npy`: for each row of the pool the item's place among those predicted, or -1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import SubjectGone
from service.files import Files, given_name
from service.ids import Rows
from service.records import Predictions

PLACES = "places"

PROBABILITIES, LOGITS, LOG_PROBABILITIES = "probabilities", "logits", "log_probabilities"
SCALES = (PROBABILITIES, LOGITS, LOG_PROBABILITIES)
"""What the numbers may be that probabilities are made of."""

ONE_ARRAY = "application/x-npy"
ARRAYS = (ONE_ARRAY, "application/x-npz", "multipart/form-data")
TABLES = ("text/csv", "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet")


@dataclass(frozen=True)
class Form:
    """One kind of predictions: what it says, the arrays that hold it, and what it may go with.

    `axes` are those of its one array, in the order in which they are kept; there are none where the
    numbers come in more than one array. `scaled` numbers become probabilities, `summed` ones such
    as sum to one, and `classed` ones are of classes, of which there must be some `least`.
    """

    says: str
    arrays: tuple[str, ...]
    optional: tuple[str, ...] = ()
    axes: tuple[str, ...] = ()
    scaled: bool = True
    summed: bool = True
    classed: bool = True
    least: int = 2

    @property
    def has_members(self) -> bool:
        """Whether there is something of each member of a committee."""
        return "members" in self.axes

    @property
    def ragged(self) -> bool:
        """Whether an item may have any number of rows."""
        return "ends" in self.arrays

    def axes_in(self, media_type: str) -> tuple[str, ...]:
        """Return the axes whose order a client must say: those of an array with members.

        It cannot be told from their lengths where there are as many members as items.
        """
        return self.axes if self.has_members and media_type in ARRAYS else ()


FORMS = {
    "probs": Form("class probabilities", ("probs",), axes=("items", "classes")),
    "members": Form(
        "each committee member's class probabilities",
        ("member_probs",),
        axes=("items", "members", "classes"),
    ),
    "votes": Form(
        "the class that each member votes for",
        ("votes",),
        axes=("items", "members"),
        scaled=False,
        summed=False,
    ),
    "objects": Form(
        "class probabilities of each object in an item",
        ("values", "ends"),
        optional=("boxes", "object_labels"),
    ),
    "tokens": Form("class probabilities of each token of an item", ("values", "ends")),
    "multilabel": Form(
        "the probability of each label on its own",
        ("label_probs",),
        axes=("items", "labels"),
        summed=False,
        least=1,
    ),
    "regression": Form(
        "a predicted value and its standard deviation",
        ("mean", "std"),
        scaled=False,
        summed=False,
        classed=False,
    ),
    "regression_members": Form(
        "each member's predicted value",
        ("member_values",),
        axes=("items", "members"),
        scaled=False,
        summed=False,
        classed=False,
    ),
}
"""What the API calls the kind of predictions, and what it means."""


@dataclass(frozen=True)
class PredictionFiles:
    """The arrays of one upload of predictions, mapped as they are asked for."""

    files: Files
    predictions: Predictions

    def name(self, array: str) -> str:
        """Return the name under which an array is published."""
        return f"{given_name(self.predictions.pool, self.predictions.id)}/{array}.npy"

    def has(self, array: str) -> bool:
        """Return whether an array was given: `boxes` and `object_labels` need not be."""
        return self.files.exists(self.name(array))

    def array(self, array: str) -> npt.NDArray[Any]:
        """Return an array by its name in FORMS, with one row to a predicted item or object.

        Raise SubjectGone where the predictions were deleted.
        """
        try:
            return self.files.array(self.name(array))
        except FileNotFoundError:
            raise SubjectGone(f"The predictions {self.predictions.id} were deleted") from None

    def places(self, start: int, stop: int) -> Rows | None:
        """Return the place among the predicted items of each row of the pool from start to stop.

        It is -1 for an item without a prediction, and for one that came into the pool later. None
        stands for the rows themselves: each item is predicted, at its own row.
        """
        total, whole = self.predictions.total, self.predictions.whole
        if whole and stop <= total:
            return None
        found = np.full(max(0, stop - start), -1, dtype=np.int64)
        known = max(0, min(stop, total) - start)
        found[:known] = (
            np.arange(start, start + known) if whole else self.array(PLACES)[start : start + known]
        )
        return found
