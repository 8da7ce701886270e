"""BatchBALD: what the labels of a whole batch would tell a committee."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from service.acquisition.evidence import Array, Generator, Picks, Rows
from service.acquisition.registry import Size, batch_strategy
from service.acquisition.signature import Tunable

BLOCK_VALUES = 2**20
MOST_VALUES = 2**24


@dataclass(frozen=True)
class Outcomes:
    """Labels that the picks so far may turn out to have.

    `chances` (outcomes,) is how likely each is, `beliefs` (outcomes, members) how likely each
    member is to be right once it is known; its rows sum to one.
    """

    chances: Array
    beliefs: Array


def work(size: Size) -> float:
    """Return the work of weighing each candidate under each outcome, at each step."""
    asked = size.parameters
    candidates = min(size.candidates, asked["candidates_limit"])
    outcomes = float(asked["samples"]) * candidates * size.classes
    everything = float(size.candidates) * size.classes * size.members
    return everything + min(size.n, candidates) * outcomes * (size.members + 10)


def fits(parameters: Mapping[str, Any], size: Size) -> str | None:
    """Say that the outcomes' classes would take too much memory at once, or return None."""
    values = parameters["samples"] * size.classes
    if values <= MOST_VALUES:
        return None
    return f"samples times classes are {values}, more than {MOST_VALUES}: ask for fewer samples"


@batch_strategy(prefix_consistent=True, work=work, fits=fits)
def batch_bald(
    n: int,
    member_probs: Array,
    generator: Generator,
    *,
    samples: Annotated[
        int, Tunable("how many outcomes of a batch are looked at", minimum=1, maximum=10_000)
    ] = 1000,
    candidates_limit: Annotated[
        int, Tunable("how many candidates are looked at, the best by bald", minimum=1)
    ] = 1000,
) -> Picks:
    """Items whose labels, taken together, tell the committee the most about itself.

    Greedy: each step adds the item that raises the mutual information between the batch's labels
    and the choice of the member the most, so two copies of one item are not counted twice. Outcomes
    of the batch are enumerated while there are no more than `samples`, and all is exact; after that
    as many are drawn, by the seed. The step score is the mutual information of the batch up to and
    with the item, in nats, so it grows from step to step, to ln T at most with T members. Only the
    best `candidates_limit` by `bald` are looked at; where `n` is more, the rest follow by `bald`,
    with the last score.

    Use: for small batches with a committee or Monte-Carlo dropout, and a pool with near copies
    Avoid: for batches of more than some dozens: a committee of T members has ln T nats to give, and
      once they are given the order is chance; without a committee (`badge`, `dmbal`)
    Formula: next = argmax of I(y₁ … y_b, y; ω) = H(y₁ … y_b, y) − E_ω[H(y₁ … y_b, y | ω)]
    Reference: A. Kirsch, J. van Amersfoort and Y. Gal, BatchBALD: Efficient and Diverse Batch
      Acquisition for Deep Bayesian Active Learning, NeurIPS 2019
    """
    members = len(member_probs)
    outcomes = Outcomes(np.ones(1), np.full((1, members), 1.0 / members))
    alone = gains(member_probs, outcomes)
    ranked = np.argsort(-alone, kind="stable")
    places = np.sort(ranked[:candidates_limit])
    looked_at = np.ascontiguousarray(member_probs[:, places])
    rows, scores = greedy(min(n, len(places)), looked_at, outcomes, generator, samples)
    rest = ranked[candidates_limit : max(n, candidates_limit)]
    last = scores[-1:].repeat(len(rest)) if len(scores) else np.empty(0)
    return Picks(np.concatenate([places[rows], rest]), np.concatenate([scores, last]))


def greedy(
    n: int, member_probs: Array, outcomes: Outcomes, generator: Generator, samples: int
) -> tuple[Rows, Array]:
    """Return n items in the order of picking, and the information of the batch at each step."""
    rows, scores = np.empty(n, dtype=np.int64), np.empty(n)
    free = np.ones(member_probs.shape[1], dtype=bool)
    known = 0.0
    for step in range(n):
        gained = np.where(free, gains(member_probs, outcomes), -1.0)
        row = int(gained.argmax())
        # Chance may find a little more in drawn outcomes than there is to be known.
        known = min(known + gained[row], float(np.log(len(member_probs))))
        rows[step], scores[step] = row, known
        free[row] = False
        outcomes = followed(outcomes, member_probs[:, row], generator, samples)
    return rows, scores


def gains(member_probs: Array, outcomes: Outcomes) -> Array:
    """Return how much each item's label would tell beside the outcomes known, float64 (items,).

    That is E[H(y | outcome)] − E[H(y | member)], never negative.
    """
    members, items, classes = member_probs.shape
    answer = np.empty(items)
    size = max(1, BLOCK_VALUES // (max(len(outcomes.chances), members) * classes))
    for start in range(0, items, size):
        block = member_probs[:, start : start + size]
        flat = np.ascontiguousarray(block).reshape(members, -1)
        mixed = (outcomes.beliefs @ flat).reshape(-1, *block.shape[1:])
        answer[start : start + size] = outcomes.chances @ entropies(mixed)
        answer[start : start + size] -= entropies(block).mean(axis=0)
    return np.maximum(answer, 0.0, out=answer)


def entropies(probs: Array) -> Array:
    """Return −Σ p ln p over the last axis."""
    logs = np.log(probs, where=probs > 0, out=np.zeros_like(probs))
    return 0.0 - np.einsum("...k,...k->...", probs, logs)


def followed(
    outcomes: Outcomes, member_probs: Array, generator: Generator, samples: int
) -> Outcomes:
    """Return the outcomes with the label of one more item, whose probabilities are (members,
    classes): all of them, or `samples` drawn by their chances."""
    labels = outcomes.beliefs @ member_probs
    chances = (outcomes.chances[:, None] * labels).ravel()
    possible = np.flatnonzero(chances > 0)
    if len(possible) > samples:
        possible = drawn(chances, generator, samples)
        chances = np.full(samples, 1.0 / samples)
    else:
        chances = chances[possible]
    before, label = np.divmod(possible, labels.shape[1])
    beliefs = outcomes.beliefs[before] * member_probs.T[label]
    return Outcomes(chances / chances.sum(), beliefs / beliefs.sum(axis=1, keepdims=True))


def drawn(chances: Array, generator: Generator, samples: int) -> Rows:
    """Return places drawn by their chances, evenly spread: a place with a chance of k of `samples`
    is drawn k times, up to rounding."""
    reached = np.cumsum(chances)
    wanted = (np.arange(samples) + generator.random()) * (reached[-1] / samples)
    places = np.searchsorted(reached, wanted, side="right")
    return np.minimum(places, np.flatnonzero(chances)[-1])
