"""The inputs that every peer is asked about, and how its answers are written down.

Run by the `record_*.py` scripts in environments of their own; needs numpy alone.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
COSTS = [[0, 1, 2, 4], [1, 0, 1, 3], [5, 1, 0, 1], [9, 3, 1, 0]]
LABELLED = [2, 9, 17, 23]


def probabilities():
    """12 items, 4 classes: among them a certain item, an even one, and classes ruled out."""
    probs = np.random.default_rng(1).dirichlet(np.ones(4), size=12)
    probs[0] = [0, 1, 0, 0]
    probs[1] = 0.25
    probs[2] = [0.5, 0.5, 0, 0]
    probs[3] = [0.75, 0.125, 0.125, 0]
    return probs


def positive_probabilities():
    """12 items, 4 classes, no class ruled out: for peers that take the logarithm of zero."""
    return np.random.default_rng(2).dirichlet(np.ones(4), size=12)


def committee():
    """5 members, 12 items, 4 classes: the first item is agreed upon, the second is not at all."""
    members = np.random.default_rng(3).dirichlet(np.full(4, 0.7), size=(5, 12))
    members[:, 0] = [0.25, 0.5, 0.125, 0.125]
    members[:, 1] = np.eye(4)[[0, 1, 2, 3, 0]]
    return members


def positive_committee():
    """5 members, 12 items, 4 classes, no class ruled out."""
    return np.random.default_rng(4).dirichlet(np.full(4, 0.7), size=(5, 12))


def points():
    """30 points of 4 numbers in three groups of 13, 10 and 7, no two distances alike."""
    generator = np.random.default_rng(5)
    group = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0] * 3)
    group[[5, 8]] = 0, 1
    centres = 6 * np.eye(4)[:3]
    return (centres[group] + generator.normal(size=(30, 4))).round(4)


def point_probabilities():
    """4 classes' probabilities of the 30 points."""
    return np.random.default_rng(6).dirichlet(np.ones(4), size=30)


def repeated_points():
    """12 points of 2 numbers, of which only six are distinct, each there twice."""
    distinct = np.array([[0, 0], [0, 1], [1, 0], [5, 5], [5, 6], [9, 0]], dtype=float)
    return np.repeat(distinct, 2, axis=0)


def repeated_probabilities():
    """4 classes' probabilities of the repeated points, the same for the same point."""
    return np.repeat(np.random.default_rng(7).dirichlet(np.ones(4), size=6), 2, axis=0)


def write(name, packages, inputs, answers):
    """Write a peer's answers to tests/golden, with the inputs and the versions it ran with."""
    record = {
        "recorded_with": {package: version(package) for package in ("numpy", *packages)},
        "inputs": plain(inputs),
        "answers": plain(answers),
    }
    parts = (f'"{part}": {{\n{rows(content)}\n}}' for part, content in record.items())
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(parts) + "\n}\n")


def rows(content):
    """Return JSON with one entry to a line."""
    return ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in content.items())


def plain(value):
    """Return lists and numbers for arrays; null for what is not a finite number."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
