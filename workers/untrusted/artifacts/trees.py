"""Fitted trees, checked before they are walked: their native code trusts every index it reads.

A tampered child or feature index is a crash, or a walk that never ends. In a sound tree every
child lies behind its parent and inside the tree, and every feature inside the item.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._gb import BaseGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.gradient_boosting import BaseHistGradientBoosting
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._base import NeighborsBase
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import TREE_LEAF, Tree

from service.errors import ModelRefused
from workers.untrusted.artifacts.classifier import Array

WORDS_OF_CATEGORIES = 8


def secure_trees(parts: list[Any]) -> None:
    """Refuse a model, given as everything inside it, whose trees cannot be walked safely."""
    for part in parts:
        if isinstance(part, Tree):
            check_tree(part)
        for kind, attribute, secure in FITTED:
            # What an ensemble was made from is inside it too, and was never fitted.
            if isinstance(part, kind) and attribute in vars(part):
                secure(part)


def check_tree(tree: Tree) -> None:
    if not 1 <= tree.node_count <= tree.capacity or min(tree.n_outputs, tree.max_n_classes) < 1:
        raise ModelRefused("A tree of the model is empty: the file is damaged, save it again.")
    left, right = tree.children_left, tree.children_right
    inner = left != TREE_LEAF
    check_nodes(inner, (left, right), tree.feature, tree.n_features)


def check_nodes(inner: Array, children: tuple[Array, Array], feature: Array, width: int) -> None:
    """Refuse inner nodes whose children are not behind them, or whose feature no item has."""
    nodes = len(inner)
    sound = (feature >= 0) & (feature < width)
    for child in children:
        sound &= (child > np.arange(nodes)) & (child < nodes)
    damaged = inner & ~sound
    if damaged.any():
        raise ModelRefused(
            f"Node {int(np.argmax(damaged))} of a tree points to a node or a feature that cannot"
            " be: the file is damaged, save the model again."
        )


def check_decision_tree(model: BaseDecisionTree) -> None:
    check_width(model.tree_.n_features, model.n_features_in_)


def check_width(found: int, expected: int) -> None:
    if found != expected:
        raise ModelRefused(
            f"A tree of the model is made for {found} values an item, the model for {expected}:"
            " the file is damaged, save the model again."
        )


def check_ensemble(ensemble: BaseForest | BaseGradientBoosting) -> None:
    """Refuse trees of another width: an ensemble hands them its items unchecked."""
    trees = np.asarray(ensemble.estimators_, dtype=object)
    for tree in trees.ravel():
        check_width(tree.n_features_in_, ensemble.n_features_in_)
    columns = getattr(ensemble, "n_trees_per_iteration_", None)
    if columns is not None and trees.shape[1:] != (columns,):
        raise ModelRefused(
            f"The model holds trees in the shape {trees.shape}, not {columns} a round:"
            " the file is damaged, save the model again."
        )


def check_boosting(ensemble: BaseHistGradientBoosting) -> None:
    mapper = ensemble._bin_mapper  # noqa: SLF001 - the library has no public way to it
    categories, category_rows = mapper.make_known_categories_bitsets()
    rows = np.zeros(ensemble.n_features_in_, dtype=np.int64)
    rows[: len(category_rows)] = category_rows
    for tree in predictors(ensemble):
        nodes = tree.nodes
        inner = nodes["is_leaf"] == 0
        if not len(nodes):
            raise ModelRefused("A tree of the model is empty: the file is damaged, save it again.")
        check_nodes(
            inner, (nodes["left"], nodes["right"]), nodes["feature_idx"], ensemble.n_features_in_
        )
        split = nodes[inner & (nodes["is_categorical"] != 0)]
        known = split["bitset_idx"] < len(tree.raw_left_cat_bitsets)
        known &= rows[split["feature_idx"]] < len(categories)
        if not known.all() or tree.raw_left_cat_bitsets.shape[1:] != (WORDS_OF_CATEGORIES,):
            raise ModelRefused(
                "A tree of the model splits on categories it does not hold: the file is damaged,"
                " save the model again."
            )


def predictors(ensemble: BaseHistGradientBoosting) -> Iterator[TreePredictor]:
    for iteration in ensemble._predictors:  # noqa: SLF001 - the library has no public way
        yield from iteration


def rebuild_neighbour_tree(model: NeighborsBase) -> None:
    """Grow the search tree again from its items, which costs less than to check one that came."""
    grow = {"kd_tree": KDTree, "ball_tree": BallTree}.get(model._fit_method)  # noqa: SLF001
    if grow is not None:
        model._tree = grow(  # noqa: SLF001 - the library has no public way to its search tree
            model._fit_X,  # noqa: SLF001 - the same
            model.leaf_size,
            metric=model.effective_metric_,
            **model.effective_metric_params_,
        )


FITTED: tuple[tuple[type, str, Callable[[Any], None]], ...] = (
    (BaseDecisionTree, "tree_", check_decision_tree),
    (BaseForest, "estimators_", check_ensemble),
    (BaseGradientBoosting, "estimators_", check_ensemble),
    (BaseHistGradientBoosting, "_predictors", check_boosting),
    (NeighborsBase, "_fit_method", rebuild_neighbour_tree),
)
