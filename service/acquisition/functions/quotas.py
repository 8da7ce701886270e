"""Batch strategies that keep a function's order, and see to it that no kind of item takes all."""

from typing import Annotated

import numpy as np

from service.acquisition.evidence import Array, Picks, Rows
from service.acquisition.order import rank_within
from service.acquisition.registry import batch_strategy
from service.acquisition.signature import Tunable


@batch_strategy(
    prefix_consistent=True, work=lambda size: size.candidates * size.classes, builds_on="margin"
)
def class_balance(n: int, base: Array, probs: Array, label_counts: Rows) -> Picks:
    """The classes with the fewest labels are filled up first, by the class that is predicted.

    Each step takes from the class that has the fewest labels, counting those picked before as if
    they had the class predicted for them; inside a class, the item that the function named in `of`
    ranks first. Of classes with equally many labels, the one with the better item goes first. A
    class whose candidates are used up is passed over. The step score is the function's.

    Use: where some classes are rare, and the model already finds a few of their items
    Avoid: where the model has never seen a class, since it cannot predict it: begin with
      `typiclust` or `k_center`; and where the labels' own distribution is to be kept
    Formula: next = argmin over classes c of labels(c) + picked(c), and inside c the argmax of the
      function, where c(x) = argmaxₖ pₖ(x)
    Reference: the idea of ClassBalancer in small-text, C. Schröder et al., Small-Text: Active
      Learning for Text Classification in Python, EACL 2023
    """
    # The item that is r-th of its class is taken when its class has its labels and r more.
    predicted = probs.argmax(axis=1)
    level = label_counts[predicted] + rank_within(predicted, base)
    rows = np.lexsort((-base, level))[:n]
    return Picks(rows, base[rows])


@batch_strategy(prefix_consistent=True, work=lambda size: size.candidates, builds_on="margin")
def group_cap(
    n: int,
    base: Array,
    groups: Rows,
    *,
    column: Annotated[
        str,
        Tunable("the metadata column that names the group", required=True, names="metadata-column"),
    ] = ("patient"),
    most: Annotated[int, Tunable("how many of one group there may be", minimum=1)] = 1,
) -> Picks:
    """The function's order, with at most so many items of each group.

    The groups are the values of a metadata column: the patient, the video, the camera. Items
    without a value there are no group, and as many of them are taken as come. Where the groups
    cannot fill the batch, it is shorter than `n`. The step score is the function's.

    Use: where items come in families that look alike, and the metadata says which: frames of a
      video, slices of a scan, pages of one sender
    Avoid: where the metadata does not say which items are alike: `dmbal` and `mutually_unique` look
      at the features
    Formula: in the order of the function, an item is left out where `most` of its group went before
    Reference: the constraint of a partition matroid; M. L. Fisher, G. L. Nemhauser and L. A.
      Wolsey, An Analysis of Approximations for Maximizing Submodular Set Functions II, Mathematical
      Programming Study 8, 1978
    """
    del column
    within = (groups < 0) | (rank_within(groups, base) < most)
    order = np.argsort(-base, kind="stable")
    rows = order[within[order]][:n]
    return Picks(rows, base[rows])
