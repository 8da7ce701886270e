"""Forests, walked in an order that suits the processor: scikit-learn's results, to the last bit.

Items that one tree sends to the same leaf go similar ways through the others. Asked about one after
the other, with each feature's values side by side, they find what they need in the cache and turn
where the processor expects it. Every tree's shares are added in the forest's own order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.ensemble._forest import ForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import Tree

from service.acquisition.evidence import Rows
from workers.untrusted.artifacts.classifier import Array

COLUMNS = 16
"""How many features are turned at once: a line of the cache is so many."""

SPARE = 16
"""Rows beyond a block's, so that its features do not all want the same places in the cache."""


@dataclass(frozen=True)
class Walk:
    """Sound trees, and of each the classes' shares of its nodes: float64 (nodes, classes)."""

    trees: tuple[Tree, ...]
    shares: tuple[Array, ...]

    @classmethod
    def of(cls, forest: ForestClassifier) -> Self:
        """Return the walk through a fitted forest."""
        trees = tuple(each.tree_ for each in forest.estimators_)
        return cls(trees, tuple(tree.value[:, 0, :] for tree in trees))

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.shares[0].shape[1])

    def predict(self, items: Array) -> Array:
        """Return the mean of the trees' shares for float32 items: float64 (items, classes)."""
        order, columns = self.in_order(items)
        total = np.zeros((len(items), self.classes))
        for shares in self.ask(columns):
            total += shares
        total /= len(self.trees)
        found = np.empty_like(total)
        found[order] = total
        return found

    def members(self, items: Array) -> Iterator[Array]:
        """Yield each tree's shares for float32 items; one array serves for all."""
        order, columns = self.in_order(items)
        found = np.empty((len(items), self.classes))
        for shares in self.ask(columns):
            found[order] = shares
            yield found

    def in_order(self, items: Array) -> tuple[Rows, Array]:
        """Return the order in which items are asked about, and the items in it by columns."""
        order = np.argsort(self.trees[0].apply(items), kind="stable")
        ordered = items[order]
        rows, width = items.shape
        columns = np.empty((rows + SPARE, width), items.dtype, order="F")[:rows]
        for first in range(0, width, COLUMNS):
            some = slice(first, first + COLUMNS)
            columns[:, some] = ordered[:, some]
        return order, columns

    def ask(self, columns: Array) -> Iterator[Array]:
        """Yield each tree's shares for items by columns; one array serves for all."""
        found = np.empty((len(columns), self.classes))
        for tree, shares in zip(self.trees, self.shares, strict=True):
            # Each leaf is a node of the tree, and clipping saves that it is checked again.
            yield shares.take(tree.apply(columns), axis=0, out=found, mode="clip")


def asked(model: Any) -> Callable[[Any], Array]:
    """Return what to ask a fitted classifier for its probabilities with."""
    if isinstance(model, ForestClassifier) and can_walk(model):
        return asked_by_walk(model)
    if isinstance(model, Pipeline):
        inner = asked(model.steps[-1][1])
        return lambda items: inner(transformed(model, items))

    def predict(items: Any) -> Array:
        probs: Array = model.predict_proba(items)
        return probs

    return predict


def asked_by_walk(forest: ForestClassifier) -> Callable[[Any], Array]:
    walk = Walk.of(forest)

    def predict(items: Any) -> Array:
        rows = forest._validate_X_predict(items)  # noqa: SLF001 - there is no public way
        # A pipeline may have made a sparse matrix of them.
        return walk.predict(rows) if isinstance(rows, np.ndarray) else forest.predict_proba(rows)

    return predict


def transformed(pipeline: Pipeline, items: Any) -> Any:
    """Return items as the last step of a pipeline is given them."""
    for _, step in pipeline.steps[:-1]:
        if step is not None and step != "passthrough":
            items = step.transform(items)
    return items


def can_walk(forest: ForestClassifier) -> bool:
    """Return whether a forest gives one share to each class of one output."""
    classes, trees = getattr(forest, "classes_", None), getattr(forest, "estimators_", None)
    if not trees or not isinstance(classes, np.ndarray) or classes.ndim != 1:
        return False
    return all(tree.tree_.value.shape[1:] == (1, len(classes)) for tree in trees)
