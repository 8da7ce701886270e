"""The MNIST tutorial: a forest reads handwritten digits, and asks for those that it cannot read.

    .venv/bin/python examples/mnist.py DIRECTORY [--url http://127.0.0.1:8000]

The directory holds the MNIST test set as it is published: t10k-images-idx3-ubyte.gz and
t10k-labels-idx1-ubyte.gz. 8,000 of its pictures are the pool, 2,000 the test set. The forest is
fitted here, with scikit-learn, as one's own model would be, and its file is sent to the service,
which ranks the whole pool by entropy; what is labelled already is left out.
"""

import gzip
import io
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from connection import Failed, Service
from script import run
from sklearn.ensemble import RandomForestClassifier

POOL, FIRST, BATCH, ROUNDS, TREES = 8_000, 200, 100, 3, 100
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
SIDE = 28


@dataclass(frozen=True)
class Digits:
    """Pictures as rows of pixels from 0 to 1, and what they show."""

    pixels: Any
    truth: Any


def story(directory: Path, service: Service) -> None:
    """Label the first pictures, then a batch at a time where the forest is least sure."""
    digits = read(directory)
    ids = [f"mnist/{row:05}" for row in range(POOL)]
    pool = upload_pool(service, ids, digits)
    labelled = list(range(FIRST))
    for _ in range(ROUNDS):
        forest = fit(digits, labelled)
        tell(digits, labelled, forest)
        tell_labels(service, pool, ids, digits, labelled)
        labelled += [ids.index(id) for id in next_batch(service, pool, forest)]
    tell(digits, labelled, fit(digits, labelled))


def read(directory: Path) -> Digits:
    """Return the pictures and labels in a directory."""
    try:
        pixels = np.frombuffer(gzip.decompress((directory / IMAGES).read_bytes()), np.uint8, -1, 16)
        truth = np.frombuffer(gzip.decompress((directory / LABELS).read_bytes()), np.uint8, -1, 8)
    except OSError as error:
        raise Failed(f"the MNIST test set is not in {directory}: {error}") from error
    return Digits((pixels.reshape(-1, SIDE * SIDE) / 255).astype(np.float32), truth)


def upload_pool(service: Service, ids: list[str], digits: Digits) -> str:
    """Upload the pictures of the pool, and return its id."""
    pool: str = service.post("/v1/pools", {"name": "MNIST"}).document["id"]
    archive = io.BytesIO()
    np.savez(archive, features=digits.pixels[:POOL], ids=np.array(ids))
    service.upload(f"/v1/pools/{pool}/items", archive.getvalue(), "application/x-npz")
    return pool


def tell_labels(
    service: Service, pool: str, ids: list[str], digits: Digits, rows: list[int]
) -> None:
    """Tell what the labelled pictures show; to tell it again changes nothing."""
    labels = [{"id": ids[row], "label": int(digits.truth[row])} for row in rows]
    service.put(f"/v1/pools/{pool}/labels", {"labels": labels})


def fit(digits: Digits, labelled: list[int]) -> RandomForestClassifier:
    """Fit a forest on the labelled pictures."""
    forest = RandomForestClassifier(TREES, random_state=0)
    return forest.fit(digits.pixels[labelled], digits.truth[labelled])


def tell(digits: Digits, labelled: list[int], forest: RandomForestClassifier) -> None:
    """Print how much of the test set a forest reads rightly."""
    accuracy = forest.score(digits.pixels[POOL:], digits.truth[POOL:])
    print(f"{len(labelled):>4} labelled, {accuracy:.1%} of the test set read rightly")


def next_batch(service: Service, pool: str, forest: RandomForestClassifier) -> list[str]:
    """Send the forest, have the pool ranked by entropy, and return whom to label next."""
    sent = service.upload("/v1/models?format=skops", skops.io.dumps(forest), "application/skops")
    model = sent["result"]["model"]["id"]
    asked = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    began = time.monotonic()
    job = service.post("/v1/scorings", asked, Prefer="wait=30")
    [ranking] = service.finish(job, began)["result"]["rankings"]
    best = service.get(f"/v1/rankings/{ranking['id']}/items?n={BATCH}").document
    return [row["id"] for row in best["items"]]


if __name__ == "__main__":
    if len(sys.argv) == 1 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(run(partial(story, Path(sys.argv[1])), "The MNIST tutorial", sys.argv[2:]))
