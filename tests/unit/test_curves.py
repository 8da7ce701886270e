"""The pictures of a simulation: everything is in them, and the same of it always."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from service.estimators import Recipe
from service.functions import Function
from tests.traces import LOGISTIC, learning, plan_of, traces_of
from workers.simulation.curves import png, svg

ROOT = Path(__file__).resolve().parents[2]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def many(count):
    """Random, and so many other functions that only their parameters tell apart, less one."""
    others = (
        Function("power", {"beta": float(each)}, of=(Function("margin"),))
        for each in range(1, count)
    )
    return [Function("random"), *others]


def drawn(plan, scores):
    """The SVG of scores of (functions, seeds, rounds), parsed."""
    return ET.fromstring(svg(plan, traces_of(plan, scores)))  # noqa: S314 - ours


def texts(picture):
    """All texts of a picture."""
    return {"".join(each.itertext()) for each in picture.iter("{http://www.w3.org/2000/svg}text")}


def of_three(**more):
    """A plan of three functions, and their traces."""
    plan = plan_of(["random", "margin", "entropy"], seeds=3, **more)
    return plan, traces_of(plan, learning([1, 2, 1], seeds=3))


@pytest.mark.parametrize("count", [1, 2, 8, 20])
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_function_is_named_and_drawn_unlike_the_others(count, seeds):
    plan = plan_of(many(count), seeds=seeds)
    picture = drawn(plan, learning([1] * count, seeds=seeds, rounds=4))

    named = {each for each in texts(picture) if each.startswith(("random", "power"))}
    [shown] = [each for each in picture.iter() if each.get("id") == "legend_1"]
    looks = [each.get("style") for each in shown.iter() if "stroke: #" in each.get("style", "")]
    assert len(named) == count
    assert len(looks) == len(set(looks)) == count
    assert "stroke: #767676" in looks[0]
    assert "stroke-dasharray" in looks[0]


def test_the_axes_the_title_and_the_band_are_named():
    plan, _ = of_three(name="Digits <b> & $x$", metrics=("accuracy", "log_loss"))
    said = texts(drawn(plan, learning([1, 2, 1], seeds=3)))

    assert {"labels", "accuracy", "log_loss (lower is better)", "logistic_regression"} <= said
    assert {"Digits <b> & $x$", "mean of 3 seeds, band: ± 1 standard deviation"} <= said


def test_one_seed_has_no_band_and_says_so():
    plan = plan_of(["random", "margin"], seeds=1)

    assert "one seed, so no band" in texts(drawn(plan, learning([1, 2], seeds=1)))


@pytest.mark.parametrize("recipes", [1, 2, 5])
def test_there_is_a_panel_for_each_metric_and_recipe(recipes):
    asked = [Recipe(estimator="svc", parameters={"C": float(each)}) for each in range(recipes)]
    plan, traces = of_three(recipes=asked, metrics=("accuracy", "auroc"))
    picture = ET.fromstring(svg(plan, traces))  # noqa: S314 - ours

    panels = [each for each in picture.iter() if each.get("id", "").startswith("axes_")]
    assert len(panels) == 2 * recipes


@pytest.mark.parametrize("draw", [svg, png])
def test_what_is_not_defined_is_left_out(draw):
    plan = plan_of(["random", "margin"], seeds=2, metrics=("auroc",))
    scores = learning([1, 2], seeds=2, rounds=4)
    scores[0, 0, 0] = scores[1] = np.nan

    assert draw(plan, traces_of(plan, scores))


@pytest.mark.parametrize("draw", [svg, png])
def test_one_round_is_drawn(draw):
    plan = plan_of(["random", "margin"], seeds=2)

    assert draw(plan, traces_of(plan, learning([1, 2], seeds=2, rounds=0)))


@pytest.mark.parametrize("name", ["数字", "\x00\x1b\ud800", "a" * 5_000, "$\\frac{$", " "])
@pytest.mark.parametrize("draw", [svg, png])
def test_any_name_can_be_drawn(draw, name):
    plan, traces = of_three(name=name)
    found = draw(plan, traces)

    if draw is svg:
        ET.fromstring(found)  # noqa: S314 - ours
    assert len(found) < 200_000


def test_png_is_the_same_picture():
    plan, traces = of_three()
    found = png(plan, traces)

    assert found.startswith(SIGNATURE)
    width, height = (int.from_bytes(found[at : at + 4]) for at in (16, 20))
    assert width > height > 300


@pytest.mark.parametrize("draw", [svg, png])
def test_the_same_traces_give_the_same_bytes_in_any_order(draw):
    plan, traces = of_three()

    assert draw(plan, traces) == draw(plan, iter(traces[::-1]))


SCRIPT = """
import sys
from tests.unit.test_curves import of_three
from workers.simulation.curves import png, svg
sys.stdout.buffer.write(svg(*of_three()) + png(*of_three()))
"""


def test_this_machine_s_own_settings_change_nothing(tmp_path):
    (tmp_path / "matplotlibrc").write_text("lines.color: red\nfont.size: 30\nsvg.fonttype: path\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**os.environ, "MATPLOTLIBRC": str(tmp_path), "PYTHONHASHSEED": "5"},
        capture_output=True,
        check=True,
    )

    assert done.stdout == svg(*of_three()) + png(*of_three())


def test_what_does_not_draw_does_not_load_what_draws():
    modules = "curves, workers.simulation.summary, workers.simulation.results"
    done = subprocess.run(
        [sys.executable, "-c", f"import workers.simulation.{modules}, sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"matplotlib", "pyarrow"} & set(done.stdout.split())


def test_colours_do_not_depend_on_where_random_stands():
    def looks(functions):
        plan = plan_of(functions, seeds=1)
        picture = drawn(plan, learning([1] * 3, seeds=1, rounds=2))
        [shown] = [each for each in picture.iter() if each.get("id") == "legend_1"]
        lines = [each.get("style") for each in shown.iter() if "stroke: #" in each.get("style", "")]
        return dict(zip(functions, lines, strict=True))

    assert looks(["random", "margin", "entropy"]) == looks(["margin", "entropy", "random"])
    assert plan_of(["random"]).recipes == (LOGISTIC,)
