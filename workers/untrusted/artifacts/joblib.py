"""joblib files: pickles, which run their sender's code; whether they are taken is asked before."""

from typing import BinaryIO

import joblib

from workers.untrusted.artifacts.classifier import Classifier
from workers.untrusted.artifacts.sklearn import classifier_of


def open_joblib(file: BinaryIO) -> Classifier:
    """Return the classifier in a joblib file."""
    return classifier_of(joblib.load(file))
