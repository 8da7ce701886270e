"""skops files: data only, loaded against a fixed list of types."""

from typing import BinaryIO

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from service.errors import Fault, ModelRefused
from workers.untrusted.artifacts.classifier import Classifier
from workers.untrusted.artifacts.sklearn import classifier_of
from workers.untrusted.artifacts.trusted_types import TRUSTED_TYPES

MAGIC = b"PK\x03\x04"
TYPES_SHOWN = 20


def open_skops(file: BinaryIO) -> Classifier:
    """Return the classifier in a skops file; types outside the fixed list are refused by name."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ModelRefused(
            "This is no skops file: it is no zip archive. Save the model with skops.io.dump."
        )
    try:
        model = skops.io.load(file, trusted=TRUSTED_TYPES)
    except UntrustedTypesFoundException as error:
        raise refused_types(file) from error
    return classifier_of(model)


def refused_types(file: BinaryIO) -> ModelRefused:
    names = sorted(set(skops.io.get_untrusted_types(file=file)) - set(TRUSTED_TYPES))
    return ModelRefused(
        f"The file holds types that are not taken: {', '.join(names[:TYPES_SHOWN])}. Taken are"
        " scikit-learn's own classifiers and transformers, without functions of your own; send"
        " another model as ONNX, or send its predictions.",
        faults=[Fault("", f"{name} is not taken") for name in names[:TYPES_SHOWN]],
    )
