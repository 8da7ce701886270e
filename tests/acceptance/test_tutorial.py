"""The first tutorial, on the real MNIST test set: the same ids and scores as computed here."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from tests.models import saved
from tests.uploads import arrow_table, as_multipart, parquet_file

MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist-t10k"
IMAGES, LABELS = MNIST / "t10k-images-idx3-ubyte.gz", MNIST / "t10k-labels-idx1-ubyte.gz"
pytestmark = pytest.mark.skipif(
    not IMAGES.exists(), reason="the MNIST test set is not beside the repository"
)
LABELLED = 5_000
IDS = [f"mnist/{row:05}" for row in range(10_000)]


@pytest.fixture(scope="module")
def images():
    """10,000 images of 784 pixels, from 0 to 1."""
    pixels = np.frombuffer(gzip.decompress(IMAGES.read_bytes()), np.uint8, offset=16)
    return pixels.reshape(10_000, 784) / 255


@pytest.fixture(scope="module")
def forest(images):
    labels = np.frombuffer(gzip.decompress(LABELS.read_bytes()), np.uint8, offset=8)
    forest = RandomForestClassifier(n_estimators=500, random_state=0, n_jobs=2)
    forest.fit(images[:LABELLED], labels[:LABELLED])
    forest.n_jobs = 1  # two threads add the trees' votes in any order, and the last digit varies
    return forest


@pytest.fixture(scope="module")
def top(forest, images):
    """Rank, id and entropy of the hundred unlabelled images that are labelled first."""
    probs = forest.predict_proba(images)
    logs = np.log(probs, where=probs > 0, out=np.zeros_like(probs))
    entropy = -(probs * logs).sum(axis=1)
    order = np.argsort(-entropy, kind="stable")
    ranked = [(place + 1, IDS[row], entropy[row]) for place, row in enumerate(order)]
    return [each for each in ranked if each[1] >= IDS[LABELLED]][:100]


@pytest.fixture(scope="module")
def model(live, forest):
    return live.model(saved(forest, "skops"))


def ranked(client, model, media_type, body):
    """The pool of an upload, and its ranking by entropy."""
    pool = client.pool(body, media_type)
    return pool, client.rankings(pool, model, "entropy")["entropy"]


@pytest.fixture(scope="module")
def first(live, model, images):
    return ranked(live, model, *as_multipart(IDS, images, {}))


def triples(answer):
    return [(row["rank"], row["id"], row["score"]) for row in answer["items"]]


def test_the_top_hundred_past_an_exclusion_set_are_those_computed_here(live, first, top):
    pool, ranking = first
    put = live.put(f"/v1/pools/{pool}/exclusions/shown", {"ids": IDS[:LABELLED]})
    assert put.json["size"] == LABELLED
    answer = live.get(f"/v1/rankings/{ranking}/items?n=100&order=desc&exclude_set=shown").json
    assert triples(answer) == top
    assert [answer[name] for name in ("total", "eligible", "excluded", "returned")] == [
        10_000,
        5_000,
        5_000,
        100,
    ]


def test_the_top_hundred_past_excluded_ids_are_those_computed_here(live, first, top):
    query = {"n": 100, "order": "desc", "exclude": IDS[:LABELLED]}
    assert triples(live.post(f"/v1/rankings/{first[1]}/query", query).json) == top


def test_a_parquet_upload_gives_the_same_and_so_does_reading_it_page_by_page(
    live, model, images, top
):
    body = parquet_file(arrow_table(IDS, images, {}))
    _, ranking = ranked(live, model, "application/vnd.apache.parquet", body)
    query = {"n": 7, "exclude": IDS[:LABELLED], "page_token": None}
    rows = []
    while len(rows) < len(top):
        answer = live.post(f"/v1/rankings/{ranking}/query", query).json
        assert answer["returned"] == 7
        rows += triples(answer)
        query["page_token"] = answer["next_page_token"]
    assert rows[:100] == top
