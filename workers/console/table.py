"""The results of a simulation as a table of plain text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NOTHING = "-"

Values = Mapping[str, Any]


def table_of(summary: Values) -> str:
    """Return a line for each function with each estimator: the mean of the first metric over all
    labels, its last value, and for each score aimed at the labels needed and saved."""
    metric, found = summary["metric"], summary["combinations"]
    several = len({each["estimator"] for each in found}) > 1
    lines: list[list[str]] = []
    for recipe in summary["recipes"]:
        own = [each for each in found if each["recipe"] == recipe["recipe"]]
        targets = [target["score"] for target in recipe["targets"]]
        lines.append(heading(recipe["estimator"] if several else "", metric, targets))
        lines += [row_of(each, metric) for each in own]
    return "\n".join(aligned(lines))


def heading(estimator: str, metric: str, targets: Sequence[float | None]) -> list[str]:
    """Return the heads of the columns."""
    aims = [text for score in targets for text in (f"labels for {short(score)}", "saved")]
    return [estimator or "function", f"mean {metric}", "in the end", *aims]


def row_of(combination: Values, metric: str) -> list[str]:
    """Return what a function came to."""
    measured = combination["metrics"][metric]
    area, last = measured["area"], measured["mean"][-1] if measured["mean"] else None
    spread = "" if area["deviation"] is None else f" ± {area['deviation']:.4f}"
    cells = [combination["function"], f"{fixed(area['mean'])}{spread}", fixed(last)]
    savings = {each["target"]: each for each in combination["savings"]}
    for needed in combination["labels_needed"]:
        cells += [count(needed["labels"]), saved(savings.get(needed["target"]))]
    return cells


def saved(saving: Values | None) -> str:
    """Return how many labels are saved against random, with the interval."""
    if saving is None or saving["saved"] is None:
        return NOTHING
    interval = saving["interval"]
    if interval is None:
        return count(saving["saved"])
    return f"{count(saving['saved'])} ({bound(interval['low'])} … {bound(interval['high'])})"


def short(value: float | None) -> str:
    """Return a score to reach."""
    return NOTHING if value is None else f"{value:.3g}"


def fixed(value: float | None) -> str:
    """Return a score."""
    return NOTHING if value is None else f"{value:.4f}"


def count(value: float | None) -> str:
    """Return a number of labels."""
    return NOTHING if value is None else f"{value:.0f}"


def bound(value: float | None) -> str:
    """Return an end of an interval, open where there is none."""
    return "?" if value is None else f"{value:.0f}"


def aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines whose cells stand one below another, names on the left, numbers on the right."""
    width = max(map(len, lines))
    full = [[*line, *[""] * (width - len(line))] for line in lines]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    for first, *rest in full:
        cells = [text.rjust(size) for text, size in zip(rest, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
