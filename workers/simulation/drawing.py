"""Drawing budget curves. Whoever imports this loads matplotlib."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import cycle, islice, product
from typing import Any

from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from service.simulation import LOWER, METRICS, Plan
from workers.simulation.budget_curve import BudgetCurve
from workers.simulation.comparison import baseline_of
from workers.simulation.curves import SVG
from workers.simulation.names import estimator_names, function_names

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""M. Okabe and K. Ito's, which the colour-blind tell apart; without their yellow, pale on white."""

DASHES = ("solid", "dashdot", "dotted")
GREY, THICK = "#767676", 1.6
WIDTH, HEIGHT, LEGEND, DPI = 4.6, 3.6, 2.4, 120
"""Inches of a panel and of the legend, and pixels to an inch."""

MOST_COLUMNS = 4
LONGEST_TITLE, LONGEST_NAME = 100, 40
FEW = 5
"""With so many functions or fewer the bands are darker: they hide one another less."""

Curves = Mapping[tuple[int, int], Mapping[str, BudgetCurve]]
Style = Mapping[str, Any]


def draw(plan: Plan, curves: Curves, kind: str) -> bytes:
    """Return the picture of a plan's curves, a row of panels for each metric."""
    with defaults():
        figure = Figure(figsize=size(plan), dpi=DPI, layout="constrained")
        figure.suptitle(title(plan), fontsize="medium", parse_math=False)
        panels(figure, plan, curves)
        legend(figure, plan)
        return written(figure, kind)


@contextmanager
def defaults() -> Iterator[None]:
    """Draw as matplotlib does by itself, whatever this machine's own settings are."""
    with rc_context(), warnings.catch_warnings():
        rcdefaults()
        # Element ids by a salt instead of by chance; text as text.
        rcParams.update({"svg.hashsalt": "shortlist", "svg.fonttype": "none"})
        # A name may have characters that the font lacks: they are boxes, in PNG alone.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def written(figure: Figure, kind: str) -> bytes:
    """Return a figure's file, without the date and without the program's version."""
    unsaid = {"Date": None, "Creator": None} if kind == SVG else {"Software": None}
    file = io.BytesIO()
    figure.savefig(file, format=kind, metadata=unsaid)
    return file.getvalue()


def columns(plan: Plan) -> int:
    """Return how many panels stand beside one another: all recipes, if they are not too many."""
    return min(len(plan.recipes), MOST_COLUMNS)


def rows(plan: Plan) -> int:
    """Return how many rows of panels there are: one or more for each metric."""
    return len(plan.metrics) * -(-len(plan.recipes) // columns(plan))


def size(plan: Plan) -> tuple[float, float]:
    """Return the picture's width and height, in inches; a long legend needs room too."""
    high = max(HEIGHT * rows(plan), 0.22 * len(plan.functions) + 1.2)
    return WIDTH * columns(plan) + LEGEND, high + 0.4


def title(plan: Plan) -> str:
    """Return what stands above the picture, and what the bands are."""
    seeds = len(plan.seeds)
    band = (
        "one seed, so no band"
        if seeds == 1
        else f"mean of {seeds} seeds, band: ± 1 standard deviation"
    )
    return f"{shortened(plan.name or 'Budget curves', LONGEST_TITLE)}\n{band}"


def panels(figure: Figure, plan: Plan, curves: Curves) -> None:
    """Draw a panel for each metric and recipe; those of a metric have one scale."""
    wide, names = columns(plan), estimator_names(plan)
    deep = rows(plan) // len(plan.metrics)
    for line, metric in enumerate(plan.metrics):
        first = None
        for recipe, name in enumerate(names):
            at = (line * deep + recipe // wide) * wide + recipe % wide + 1
            first = axes = figure.add_subplot(rows(plan), wide, at, sharey=first)
            axes.set_title(shortened(name, LONGEST_NAME), fontsize="medium", parse_math=False)
            axes.set_xlabel("labels")
            lower = METRICS[metric] == LOWER
            axes.set_ylabel(f"{metric} (lower is better)" if lower else metric)
            axes.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
            axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
            axes.set_axisbelow(True)
            for function, style in enumerate(styles(plan)):
                curve = curves[recipe, function][metric]
                plot(axes, curve, style, faint=len(plan.functions) > FEW)


def plot(axes: Axes, curve: BudgetCurve, style: Style, *, faint: bool) -> None:
    """Draw one function's mean, and one standard deviation above and below it."""
    dot = "o" if len(curve.labels) == 1 else ""
    axes.plot(curve.labels, curve.mean, marker=dot, linewidth=THICK, **style)
    if curve.deviation is not None:
        axes.fill_between(
            curve.labels,
            curve.mean - curve.deviation,
            curve.mean + curve.deviation,
            color=style["color"],
            alpha=0.07 if faint else 0.15,
            linewidth=0,
        )


def styles(plan: Plan) -> list[Style]:
    """Return how each function is drawn: random grey and dashed, no two others alike, up to 21."""
    others = cycle({"color": color, "linestyle": dash} for dash, color in product(DASHES, COLOURS))
    found: list[Style] = list(islice(others, len(plan.functions)))
    baseline = baseline_of(plan)
    if baseline is not None:
        found.insert(baseline, {"color": GREY, "linestyle": "dashed"})
    return found[: len(plan.functions)]


def legend(figure: Figure, plan: Plan) -> None:
    """Name every function, once for all panels."""
    lines = [
        Line2D([], [], linewidth=THICK, label=shortened(name, LONGEST_NAME), **style)
        for name, style in zip(function_names(plan), styles(plan), strict=True)
    ]
    named = figure.legend(handles=lines, loc="outside right upper", frameon=False, fontsize="small")
    for text in named.get_texts():
        text.set_parse_math(False)


def shortened(text: str, longest: int) -> str:
    """Return a text in one line, its middle cut out where it is too long; nothing XML lacks.

    In what names differ often stands at their end.
    """
    plain = "".join(each if each.isprintable() else " " for each in text)
    half = longest // 2 - 1
    return plain if len(plain) <= longest else f"{plain[:half]}…{plain[-half:]}"
