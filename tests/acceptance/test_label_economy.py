"""Learning to read digits through the service: what it picks, and how far that leads."""

import numpy as np
import pytest

from benchmarks.connection import Connection
from benchmarks.digits import BATCH, Digits
from benchmarks.label_economy import chooser
from benchmarks.label_strategies import STRATEGIES
from service.acquisition import REGISTRY
from service.acquisition.features import Features
from service.ids import hash_ids, pack
from service.ranking import descending
from workers.clustering import k_means

RUN, ROUNDS = 0, 4
ACCURACY = {"random": 0.7378, "margin": 0.7696, "dmbal": 0.8015}


@pytest.fixture(scope="module")
def digits():
    return Digits.of(RUN)


def picked_here(name, digits, each, labelled, probabilities):
    """The rows that a function picks when it is called with the evidence itself."""
    rows = np.setdiff1d(np.arange(len(digits.truth)), labelled)
    evidence = {
        "n": BATCH,
        "keys": hash_ids(pack(digits.ids))[rows],
        "probs": probabilities[rows],
        "features": Features.of(digits.pixels.astype(np.float32)).take(rows),
        "k_means": k_means,
    }
    entry = REGISTRY[name]
    if entry.kind != "batch":
        asked = STRATEGIES[name].asked(each)["parameters"]
        return rows[descending(entry.score(evidence, **asked))[:BATCH]]
    evidence["base"] = 1 + REGISTRY["margin"].score(evidence)
    return rows[entry.pick(evidence, seed=each).rows]


@pytest.mark.parametrize("name", ACCURACY)
def test_the_service_picks_what_the_functions_pick_and_the_model_learns_from_it(live, digits, name):
    with Connection(live.url) as service:
        choose = chooser(service, STRATEGIES[name], digits)

        def compared(each, labelled, probabilities):
            picked = choose(each, labelled, probabilities)
            assert picked == picked_here(name, digits, each, labelled, probabilities).tolist()
            return picked

        accuracies = digits.learn(ROUNDS, compared)

    assert accuracies.mean() == pytest.approx(ACCURACY[name], abs=0.01)
