"""The short examples, run as they stand against a live service."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.golden.records import recorded

ROOT = Path(__file__).parents[2]
MNIST = ROOT.parent / "shared" / "data" / "mnist-t10k"


def told(live, name, *arguments):
    """What an example prints."""
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / name, *arguments, "--url", live.url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_five_steps_make_more_predictions_right(live):
    words = told(live, "five_steps.py")
    right = [int(count) for count in re.findall(r"(\d+) of 1797 predictions are right", words)]
    assert len(right) == 5
    assert right[-1] > right[0] + 300
    assert words.splitlines()[-1].startswith("Stop? ")
    steps = [line[:2] for line in words.splitlines() if line[:1].isdigit()]
    assert steps == ["1.", "2.", *["3.", "4.", "5."] * 4]


def test_the_introduction_of_standard_al_scores_what_it_says(live):
    words = told(live, "standard_al.py")
    assert "simulate succeeded, 38 of 38 rounds, " in words
    assert f"F1 with 74 labels: {recorded('ml_research').answers['f1']}\n" in words


@pytest.mark.skipif(not MNIST.exists(), reason="the MNIST test set is not beside the repository")
def test_the_mnist_tutorial_reads_more_digits_the_more_are_labelled(live):
    words = told(live, "mnist.py", str(MNIST))
    right = [float(part) for part in re.findall(r"([\d.]+)% of the test set", words)]
    assert right == sorted(right)
    assert right[-1] > 85
