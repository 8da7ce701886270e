"""Forests, walked by NumPy a level at a time: faster than scikit-learn, to the same last bit.

A walk down one tree waits at every node, for memory and for where to turn. Here many items go down
many trees a step at a time, and nothing waits for the step before but the next. Items that go the
same ways stand together and each feature's values side by side, so that the cache has them. Every
comparison is the tree's own, and every tree's shares are added in the forest's own order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Self

import numpy as np
from sklearn.ensemble._forest import ForestClassifier
from sklearn.pipeline import Pipeline
from sklearn.tree._tree import TREE_LEAF, Tree

from workers.untrusted.artifacts.classifier import Array

AT_ONCE = 2**16
"""Pairs of an item and a tree that are walked at once, about.

Their arrays stay in the cache, and each step takes long enough that threads seldom wait for one
another: they take turns between steps.
"""

LEVELS_TO_SORT_BY = 24
ROWS = 256
"""How many items are turned into columns at once."""

SPARE = 16
"""Rows beyond a block's, so that its features do not all want the same places in the cache."""

FIRST_LOOK, LOOK = 8, 4
"""The level at which those that have arrived are first let go, and after how many it is again."""


@dataclass(frozen=True)
class Walk:
    """The nodes of all trees as arrays, each tree's from its root on, siblings side by side.

    `left` is where a node's left child stands, and a leaf's own place; the right child is next to
    it. An item goes right where its feature is greater than `threshold`, which is float32 as items
    are, or where it is missing and `missing_right` says so. `shares` are those of the classes.
    """

    roots: Array
    depths: Array
    feature: Array
    threshold: Array
    left: Array
    missing_right: Array
    shares: Array

    @classmethod
    def of(cls, forest: ForestClassifier) -> Self:
        """Return the walk through a fitted forest, whose trees are sound."""
        trees = [each.tree_ for each in forest.estimators_]
        counts = [tree.node_count for tree in trees]
        roots = np.cumsum([0, *counts[:-1]])
        laid = [laid_out(tree, root) for tree, root in zip(trees, roots.tolist(), strict=True)]
        depths, *arrays = zip(*laid, strict=True)
        return cls(roots, np.array(depths), *map(np.concatenate, arrays))

    def __len__(self) -> int:
        return len(self.roots)

    def predict(self, items: Array) -> Array:
        """Return the mean of the trees' shares for float32 items: float64 (items, classes)."""
        order, columns = self.in_order(items)
        total = np.zeros((len(items), self.shares.shape[1]))
        for shares in self.ask(columns, len(items)):
            total += shares
        total /= len(self)
        found = np.empty_like(total)
        found[order] = total
        return found

    def members(self, items: Array) -> Iterator[Array]:
        """Yield each tree's shares for float32 items; one array serves for all."""
        order, columns = self.in_order(items)
        found = np.empty((len(items), self.shares.shape[1]))
        for shares in self.ask(columns, len(items)):
            found[order] = shares
            yield found

    def in_order(self, items: Array) -> tuple[Array, Array]:
        """Return the items in the order of their ways through the first tree, and by columns."""
        order = np.argsort(self.ways(items), kind="stable")
        ordered = items[order]
        rows, width = items.shape
        columns = np.empty((width, rows + SPARE), items.dtype)
        for first in range(0, rows, ROWS):
            last = min(first + ROWS, rows)
            columns[:, first:last] = ordered[first:last].T
        return order, columns

    def ways(self, items: Array) -> Array:
        """Return each item's turns in the first tree, the first of them in the highest bit."""
        node = np.zeros(len(items), dtype=np.int64)
        turns, rows = np.zeros_like(node), np.arange(len(items))
        for _ in range(min(int(self.depths[0]), LEVELS_TO_SORT_BY)):
            right = items[rows, self.feature[node]] > self.threshold[node]
            node = self.left[node] + right
            turns = 2 * turns + right
        return turns

    def ask(self, columns: Array, count: int) -> Iterator[Array]:
        """Yield each tree's shares for so many items by columns; one array serves for all."""
        found = np.empty((count, self.shares.shape[1]))
        offsets = self.feature * columns.shape[1]
        missing = bool(np.isnan(columns[:, :count].sum()))
        several = max(1, AT_ONCE // count)
        for first in range(0, len(self), several):
            trees = slice(first, first + several)
            for leaves in self.arrive(trees, columns.ravel(), offsets, count, missing=missing):
                yield self.shares.take(leaves, axis=0, out=found, mode="clip")

    def arrive(
        self, trees: slice, values: Array, offsets: Array, count: int, *, missing: bool
    ) -> Array:
        """Return the leaves of some trees at which so many items arrive: (trees, items)."""
        roots = self.roots[trees]
        arrived = np.repeat(roots, count)
        item, pair = np.tile(np.arange(count), len(roots)), np.arange(len(arrived))
        steps = Steps(arrived.copy())
        for level in range(int(self.depths[trees].max())):
            node, following, place = steps.node, steps.following, steps.place
            value, threshold, right = steps.value, steps.threshold, steps.right
            offsets.take(node, out=place, mode="clip")
            place += item
            values.take(place, out=value, mode="clip")
            self.threshold.take(node, out=threshold, mode="clip")
            np.greater(value, threshold, out=right)
            if missing:
                right |= np.isnan(value) & self.missing_right.take(node, mode="clip")
            self.left.take(node, out=following, mode="clip")
            following += right
            if level < FIRST_LOOK or (level - FIRST_LOOK) % LOOK:
                steps.turn()
                continue
            arrived[pair] = following
            going = np.flatnonzero(following != node)
            item, pair = item.take(going), pair.take(going)
            steps = Steps(following.take(going))
        arrived[pair] = steps.node
        return arrived.reshape(len(roots), count)


class Steps:
    """Where pairs of an item and a tree stand, and room for where they go next."""

    def __init__(self, node: Array) -> None:
        self.node, self.following, self.place = node, np.empty_like(node), np.empty_like(node)
        self.value, self.threshold = (np.empty(len(node), np.float32) for _ in range(2))
        self.right = np.empty(len(node), bool)

    def turn(self) -> None:
        """Stand where they went."""
        self.node, self.following = self.following, self.node


def laid_out(tree: Tree, root: int) -> tuple[int, Array, Array, Array, Array, Array]:
    """Return a tree's depth, and its nodes as a walk has them, whose root stands at `root`."""
    left, right = tree.children_left, tree.children_right
    levels = [np.zeros(1, dtype=np.int64)]
    while True:
        inner = levels[-1][left[levels[-1]] != TREE_LEAF]
        if not len(inner):
            break
        levels.append(np.stack([left[inner], right[inner]], axis=1).ravel())
    order = np.concatenate(levels)
    place = np.empty(tree.node_count, dtype=np.int64)
    place[order] = np.arange(len(order))
    leaf = left[order] == TREE_LEAF
    threshold = rounded_down(tree.threshold[order])
    threshold[leaf] = np.inf
    return (
        len(levels) - 1,
        np.where(leaf, 0, tree.feature[order]),
        threshold,
        root + np.where(leaf, np.arange(len(order)), place[left[order]]),
        ~leaf & (tree.missing_go_to_left[order] == 0),
        tree.value[order, 0, :],
    )


def rounded_down(thresholds: Array) -> Array:
    """Return the greatest float32 up to each number: a float32 passes both or neither."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


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
    walk = cache(lambda: Walk.of(forest))  # once, and not where nothing is asked

    def predict(items: Any) -> Array:
        rows = forest._validate_X_predict(items)  # noqa: SLF001 - there is no public way
        # A pipeline may have made a sparse matrix of them.
        return walk().predict(rows) if isinstance(rows, np.ndarray) else forest.predict_proba(rows)

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
