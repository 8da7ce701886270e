"""Models that do what a test tells them when they are asked for probabilities."""

from io import BytesIO

import joblib
import numpy as np

from tests.uploads import npy

SOURCE = """
import ctypes, os, signal, socket, subprocess, threading, time
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

class Scripted(ClassifierMixin, BaseEstimator):
    classes_ = np.array([0, 1])
    n_features_in_ = 1

    def fit(self, items, labels):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, items):
        {deed}
        return np.column_stack([items[:, 0], 1 - items[:, 0]])

model = Scripted()  # {name}
"""
BUILD = "(lambda space: exec({source!r}, space) or space['model'])({{}})"
BLOCK = 4_096
"""Items of which a model is asked at once."""


class Script:
    """Becomes a classifier where it is unpickled."""

    def __init__(self, source):
        self.source = source

    def __reduce__(self):
        return (eval, (BUILD.format(source=self.source),))


def scripted(deed, name=""):
    """The joblib file of a model that does the deed; its name makes it one of its own."""
    target = BytesIO()
    joblib.dump(Script(SOURCE.format(deed=deed, name=name)), target)
    return target.getvalue()


def shares(rows):
    """Items of one feature each, which is what scripted models give for their first class."""
    return np.random.default_rng(rows).random((rows, 1))


def entropies(rows):
    """What the items score by entropy."""
    probs = np.column_stack([shares(rows)[:, 0], 1 - shares(rows)[:, 0]])
    return -(probs * np.log(probs)).sum(axis=1)


def shares_pool(client, rows):
    """Upload the items; return the pool's id."""
    return client.pool(npy(shares(rows)), "application/x-npy")
