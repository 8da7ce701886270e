"""The page of all acquisition functions: how to ask, what holds for all, a table, each in full."""

from collections.abc import Iterator
from itertools import groupby

from docs.generator.opening import OPENING
from docs.generator.plane import plane
from docs.generator.section import kinds_for, listed, power_of_ten, section, source_of
from service.acquisition import REGISTRY, Acquisition
from service.acquisition.evidence import EVIDENCE, LABELS, sources
from service.acquisition.registry import BATCH
from service.settings import Settings

FAMILIES = {
    "chance": "By chance",
    "probabilities": "Class probabilities",
    "committees": "Committees",
    "neighbourhoods": "Places among the other items",
    "labelled": "Beside what is labelled",
    "annotators": "Several annotators",
    "objects": "Objects in an item",
    "tokens": "Token sequences",
    "multilabel": "Several labels at once",
    "regression": "Predicted numbers",
    "compositions": "Made from other functions",
}
"""What the functions of a file are called; those of another file by its docstring."""

COVERING, MIXED = "Batches by features alone", "Batches of what a model is unsure of"
BATCHES = {
    "quotas": "Batches with quotas",
    "greedy_sampling": "Batches for predicted numbers",
}


def acquisitions() -> Iterator[str]:
    """Yield the lines of the page."""
    known = {"{limit}": power_of_ten(Settings().max_scoring_work), "{items}": str(len(plane().ids))}
    opening = OPENING
    for name, value in known.items():
        opening = opening.replace(name, value)
    yield opening
    yield from evidence()
    yield from ("", "## All functions")
    entries = sorted(REGISTRY.values(), key=order)
    for title, members in groupby(entries, key=family):
        yield from ("", f"**[{title}](#{anchor(title)})**", "")
        yield from ("| function | needs | what it is |", "| --- | --- | --- |")
        yield from (row(entry) for entry in members)
    for title, members in groupby(entries, key=family):
        yield from ("", f"## {title}")
        for entry in members:
            yield from section(entry)


def family(entry: Acquisition) -> str:
    """Return what the functions of a kind are called together."""
    module = entry.function.__module__.rpartition(".")[2]
    if entry.kind != BATCH:
        return FAMILIES.get(module) or said_by(entry)
    predicted = "base" in entry.needs or entry.needs_predictions
    return BATCHES.get(module) or (MIXED if predicted else COVERING)


def said_by(entry: Acquisition) -> str:
    """Return the first words of the docstring of the file in which a function stands."""
    words = entry.function.__globals__["__doc__"] or entry.function.__module__
    return str(words).partition(".")[0].partition(":")[0]


def order(entry: Acquisition) -> int:
    """Return where a function's family stands on the page."""
    known = [*FAMILIES.values(), MIXED, COVERING, *BATCHES.values()]
    title = family(entry)
    return known.index(title) if title in known else len(FAMILIES)


def anchor(title: str) -> str:
    """Return a heading as a link names it."""
    return title.lower().replace(" ", "-")


def row(entry: Acquisition) -> str:
    """Return one function as a row of the table."""
    return f"| [`{entry.name}`](#{entry.name}) | {needs(entry)} | {entry.summary} |"


def needs(entry: Acquisition) -> str:
    """Return in a few words what must be there."""
    found = []
    kinds = kinds_for(entry.needs)
    if "probs" in kinds:
        found.append("a model")
    elif "members" in kinds:
        found.append("a committee")
    elif kinds:
        found.append(f"`{kinds[0]}`")
    if entry.needs_features:
        found.append("features")
    if LABELS in sources(entry.needs):
        found.append("labels")
    if {"amounts", "groups"} & set(entry.needs):
        found.append("metadata")
    low, high = entry.of
    if "base" in entry.needs or (high == 1 and low):
        found.append("a function")
    elif low:
        found.append(f"{low} to {high} functions")
    return ", ".join(found) or "ids"


def evidence() -> Iterator[str]:
    """Yield the table of what functions need, and what gives it."""
    yield from ("| evidence | what it is | what gives it |", "| --- | --- | --- |")
    for need, kind in EVIDENCE.items():
        by = f", by {listed(f'`{name}`' for name in kind.asks)}" if kind.asks else ""
        yield f"| `{need}` | {kind.says} | {source_of(need)}{by} |"
