"""Ask baal and write what it answers to baal.json.

Recorded with baal 2.1.0, torch 2.13.0 and numpy 2.4.6 on Python 3.11, in the environment that
README.md tells.
"""

import numpy as np
import torch
from baal.active.heuristics import (
    BALD,
    EPIG,
    BatchBALD,
    Certainty,
    Entropy,
    Margin,
    Variance,
)
from baal.active.heuristics.stochastics import GibbsSampling, PowerSampling, RankBasedSampling
from recording import committee, positive_committee, probabilities, write

PICKS = 4
SHARE = 0.9


def stochastics(scores):
    """The chance of each item of being drawn first, for scores that are given."""
    samplings = {"power": PowerSampling, "gibbs": GibbsSampling, "soft_rank": RankBasedSampling}
    return {
        name: sampling(None, 1, temperature=0.5)._make_distribution(scores.copy())
        for name, sampling in samplings.items()
    }


def main():
    torch.manual_seed(0)
    members = committee()
    targets = positive_committee()[:, :6]
    layout = members.transpose(1, 2, 0)
    shared = np.array([[0.9, 0.1], [0.6 * SHARE, 0.4 * SHARE]])
    scores = np.random.default_rng(11).random(8) + 0.1
    inputs = {
        "probs": probabilities(),
        "member_probs": members,
        "target_member_probs": targets,
        "one_row_short": shared,
        "scores": scores,
    }
    answers = {
        "entropy": Entropy().get_uncertainties(inputs["probs"]),
        "margin": Margin().get_uncertainties(inputs["probs"]),
        "certainty": Certainty().get_uncertainties(inputs["probs"]),
        "variance": Variance().get_uncertainties(layout),
        "bald": BALD().get_uncertainties(layout),
        "bald_ranks": BALD()(layout),
        "epig": EPIG().get_uncertainties(layout, targets.transpose(1, 2, 0)),
        "batch_bald_ranks": BatchBALD(PICKS, num_draw=20_000)(layout)[: PICKS + 1],
        "batch_bald_scores": BatchBALD(PICKS, num_draw=20_000).get_uncertainties(layout),
        "entropy_of_one_row_short": Entropy().get_uncertainties(shared),
        "entropy_of_the_good_row": Entropy().get_uncertainties(shared[:1]),
        **stochastics(scores),
    }
    write("baal", ("baal", "torch"), inputs, answers)


if __name__ == "__main__":
    main()
