"""One function in full: its picture, what it is for, what it takes, and how to ask for it."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from docs.generator.drawn import asked
from docs.generator.plane import plane
from service.acquisition import ALIASES, REGISTRY, Acquisition, Parameter
from service.acquisition.evidence import EVIDENCE, ITEMS, LABELS, REQUEST
from service.acquisition.registry import BATCH, RELABELLING, Size, Work
from service.operations.questions import GIVES

USUAL = Size(
    items=100_000,
    candidates=100_000,
    labelled=1_000,
    n=100,
    width=64,
    classes=10,
    members=10,
    parameters={},
    functions=2,
)
"""The size for which costs are given."""

DOUBLED = ("items", "candidates", "labelled", "n", "width", "classes", "members")
GROWTH = {
    (3.0, 5.0): "with the square of",
    (1.9, 3.0): "in proportion to",
    (1.05, 1.9): "less than in proportion to",
}
"""How the cost is said to grow where it is multiplied by so much if a number is doubled."""

SOURCES = {ITEMS: "the pool", LABELS: "the labels", REQUEST: "the request"}
UNSAID = {"n", "k_means", "generator"}
"""Evidence that is always there, so that it need not be told of each function."""

BOUNDS = {"minimum": "at least", "exclusiveMinimum": "more than", "maximum": "at most"}


def section(entry: Acquisition) -> Iterator[str]:
    """Yield all that is known of one function."""
    yield from ("", f"### {entry.name}", "")
    yield from (f"![What {entry.name} takes first](pictures/{entry.name}.svg)", "")
    yield from (entry.summary, "", linked(entry, entry.description), "")
    yield f"- **Use** {linked(entry, entry.use)}"
    yield f"- **Avoid** {linked(entry, entry.avoid)}"
    yield f"- **Formula** {linked(entry, entry.formula).replace('*', chr(92) + '*')}"
    yield from (f"- **{title}** {text}" for title, text in facts(entry))
    yield f"- **Reference** {entry.reference}"
    if entry.parameters:
        yield from ("", "| parameter | type | default | allowed | meaning |")
        yield "| --- | --- | --- | --- | --- |"
        yield from (row(parameter) for parameter in entry.parameters)
    yield from ("", "```json", json.dumps(asked(plane(), entry.name)), "```")


def facts(entry: Acquisition) -> Iterator[tuple[str, str]]:
    """Yield what the registry says of a function beside its docstring."""
    if entry.raw_direction == "lower":
        yield "Raw score", f"{entry.raw_name}; the lower, the sooner labelled"
    if callable(entry.least):
        yield "Least score", (inspect.getdoc(entry.least) or "").removeprefix("Return ")
    elif entry.least is not None:
        yield "Least score", f"{entry.least:g}"
    if entry.purpose == RELABELLING:
        yield "Purpose", "a second look at labels, not what to label next"
    told = [need for need in entry.needs if need not in UNSAID]
    yield "Needs", "; ".join(f"`{need}` ({given_by(entry, need)})" for need in told)
    if entry.kind == BATCH:
        yes = "the first of a larger one: fewer need not be asked for again"
        no = "chosen for its size: a smaller one is not the first of a larger one"
        yield "A batch is", yes if entry.prefix_consistent else no
    if entry.aliases:
        yield "Also known as", listed(f"`{alias}`" for alias in entry.aliases)
    if entry.work is not None:
        yield "Cost", cost(entry, entry.work)


def given_by(entry: Acquisition, need: str) -> str:
    """Return what gives a function one kind of evidence."""
    if need == "base":
        return f"the function in `of`, or else [`{entry.builds_on}`](#{entry.builds_on})"
    if need == "bases":
        low, high = entry.of
        return "the function in `of`" if high == 1 else f"the {low} to {high} functions in `of`"
    if need == "object_scores":
        return f"the function in `of`, of {source_of('objects')}"
    return source_of(need)


def source_of(need: str) -> str:
    """Return in words what gives one kind of evidence."""
    kinds = kinds_for((need,))
    if kinds:
        uploads = "uploaded " + listed(
            (f"[`{each}`](predictions.md#{each})" for each in kinds), "or"
        )
        if "probs" in kinds:
            return f"a model, a committee, or {uploads}"
        return f"a committee, an ensemble, or {uploads}" if "members" in kinds else uploads
    return SOURCES[EVIDENCE[need].source]


def kinds_for(needs: Iterable[str]) -> list[str]:
    """Return the kinds of predictions each of which gives all that is needed of them."""
    predicted = {need for need in needs if any(need in given for given in GIVES.values())}
    predicted |= {"probs"} if "labelled_probs" in needs else set()
    return [kind for kind, given in GIVES.items() if predicted and predicted <= given]


def cost(entry: Acquisition, work: Work) -> str:
    """Return what a function costs at the usual size, and how that grows."""
    size = replace(USUAL, parameters={p.name: p.default for p in entry.parameters})
    usual = work(size)
    twice = ((name, replace(size, **{name: 2 * getattr(size, name)})) for name in DOUBLED)
    growth = [(name, work(size) / usual) for name, size in twice]
    parts = []
    for (least, most), how in GROWTH.items():
        names = [name for name, times in growth if least < times <= most]
        parts += [f"{how} {listed(names)}"] if names else []
    return f"{power_of_ten(usual)} multiplications, growing {'; '.join(parts)}"


def power_of_ten(number: float) -> str:
    """Return a number to one digit."""
    digit, _, exponent = f"{number:.0e}".partition("e")
    return f"{digit} · 10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(each)] for each in str(int(exponent)))


def row(parameter: Parameter) -> str:
    """Return one parameter as a row of a table."""
    schema = parameter.json_schema()
    default = "required" if parameter.tunable.required else f"`{json.dumps(schema['default'])}`"
    meaning = parameter.tunable.help.replace("|", "\\|")
    return f"| `{parameter.name}` | {kind(schema)} | {default} | {allowed(schema)} | {meaning} |"


def kind(schema: dict[str, Any]) -> str:
    """Return what a parameter is."""
    if schema["type"] != "array":
        return str(schema["type"])
    inner = schema["items"]
    return "rows of numbers" if inner["type"] == "array" else f"list of {inner['type']}s"


def allowed(schema: dict[str, Any]) -> str:
    """Return what values a parameter may have."""
    if "enum" in schema:
        return listed((f"`{choice}`" for choice in schema["enum"]), "or")
    innermost = schema
    while "items" in innermost:
        innermost = innermost["items"]
    found = [f"{word} {innermost[key]}" for key, word in BOUNDS.items() if key in innermost]
    if schema.get("minItems"):
        found.append(f"{schema['minItems']} of them at least")
    return ", ".join(found)


def linked(entry: Acquisition, text: str) -> str:
    """Return text in which the names of other functions are links."""

    def link(found: re.Match[str]) -> str:
        name = ALIASES.get(found[1], found[1])
        own = {entry.name, *entry.needs, *(parameter.name for parameter in entry.parameters)}
        return f"[`{found[1]}`](#{name})" if name in REGISTRY and name not in own else found[0]

    return re.sub(r"`(\w+)`", link, text)


def listed(words: Iterable[str], last: str = "and") -> str:
    """Return words as a list in a sentence."""
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end
