"""Sparse matrices and support vectors, checked before native code follows their indices."""

from typing import Any

import numpy as np
from scipy.sparse import csc_array, csc_matrix, csr_array, csr_matrix
from sklearn.svm._base import BaseSVC

from service.errors import ModelRefused

COMPRESSED = (csr_matrix, csr_array, csc_matrix, csc_array)
MATRIX = 2


def secure_matrices(parts: list[Any]) -> None:
    """Refuse a model, given as everything inside it, whose indices lead out of its arrays."""
    for part in parts:
        if isinstance(part, COMPRESSED):
            check_indices(part)
        if isinstance(part, BaseSVC) and "support_vectors_" in vars(part):
            check_vectors(part)


def check_indices(matrix: Any) -> None:
    try:
        matrix.check_format(full_check=True)
    except ValueError as error:
        raise ModelRefused(
            f"A sparse matrix of the model leads out of itself ({error}): the file is damaged,"
            " save the model again."
        ) from error


def check_vectors(model: BaseSVC) -> None:
    """Refuse support vectors, counts and numbers beside them that do not belong together."""
    counts = np.asarray(model._n_support)  # noqa: SLF001 - what the library hands to native code
    pairs = len(counts) * (len(counts) - 1) // 2
    intercepts, *scales = model._intercept_, model._probA, model._probB  # noqa: SLF001 - the same
    vectors = len(model.support_)
    sound = (
        are_there(model, vectors)
        and len(counts) >= MATRIX
        and bool((counts >= 0).all())
        and int(counts.sum()) == vectors
        and model._dual_coef_.shape == (len(counts) - 1, vectors)
        and len(intercepts) == pairs
        and all(len(each) in (0, pairs) for each in scales)
    )
    if not sound:
        raise ModelRefused(
            "The support vectors of the model are not those it counts: the file is damaged, save"
            " the model again."
        )


def are_there(model: BaseSVC, vectors: int) -> bool:
    """Return whether so many vectors stand in a model, or, of a kernel, among its columns."""
    if model.kernel == "precomputed":
        return bool(((model.support_ >= 0) & (model.support_ < model.n_features_in_)).all())
    found: tuple[int, ...] = model.support_vectors_.shape
    return callable(model.kernel) or found == (vectors, model.n_features_in_)
