"""One picture of the plane for each function: what it likes, and what it takes first, as SVG."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from docs.generator.plane import HEIGHT, WIDTH, Plane
from docs.generator.surroundings import base, picks, scores
from service.acquisition.evidence import PREDICTIONS, Array, Rows, sources
from service.acquisition.registry import BATCH, RELABELLING
from service.functions import Function

SCALE, FIRST, LEVELS = 80, 8, 5
"""Pixels to one of the plane, how many picks are numbered, and shades there are."""

DISC, LEAD = 7, (0, 14, 20, 27, 35)
"""Radius of a number's disc, and how far it may stand from its item."""

DIGITS = 9
"""Scores that differ by less are drawn as one: the last bits differ from machine to machine."""

STYLE = """
rect.back{fill:#fff}
path,line,circle{fill:none;stroke:#59616b}
.dots{stroke-linecap:round;stroke-width:5.5}
.border{stroke-dasharray:2 5}
.unscored{stroke-opacity:.45}
.label{fill:#59616b;stroke:none}
.lead,.given{stroke:#c8440a}
.disc,.pick{fill:#c8440a;stroke:none}
text{fill:#fff;font:700 10px sans-serif;text-anchor:middle}
@media(prefers-color-scheme:dark){
rect.back{fill:#15191e}path,line,circle{stroke:#c3cad3}.label{fill:#c3cad3}
.lead,.given{stroke:#e2682f}.disc,.pick{fill:#d2551c}}
"""

Point = tuple[int, int]


@dataclass(frozen=True)
class Scene:
    """What is drawn: places in pixels, a shade of each from 0 to LEVELS − 1, -1 for none, and the
    rows that stand out."""

    title: str
    points: Sequence[Point]
    shades: Rows
    labelled: Rows
    given: Rows
    picked: Rows
    borders: Sequence[tuple[Point, Point]]


def picture(plane: Plane, function: Function) -> str:
    """Return a function's picture as SVG."""
    return "\n".join(drawn(scene(plane, function))) + "\n"


def scene(plane: Plane, function: Function) -> Scene:
    """Return what a function's picture shows."""
    entry = function.entry
    every = np.arange(len(plane.places))
    again = entry.purpose == RELABELLING or "annotations" in entry.needs
    open_to = every if again else np.setdiff1d(every, plane.labelled)
    if entry.kind == BATCH:
        values = backdrop(plane, function)
        picked = picks(plane, function, open_to, FIRST).rows
    else:
        values = scores(plane, function, every)
        picked = open_to[order(values[open_to])][:FIRST]
    given = {"given_features": plane.given, "target_member_probs": plane.targets}
    marked = [given[need] for need in entry.needs if need in given]
    return Scene(
        title=entry.summary,
        points=[pixel(place) for place in plane.places],
        shades=shades(values),
        labelled=plane.labelled,
        given=np.concatenate([np.empty(0, np.int64), *marked]),
        picked=picked,
        borders=lines(plane, function),
    )


def backdrop(plane: Plane, function: Function) -> Array:
    """Return what shades the items of a strategy: what it builds on, or knows of each alone."""
    needs = function.entry.needs
    if "base" in needs:
        return base(plane, function.of[0])
    if "mean" in needs:
        return plane.mean
    if "probs" in needs or "member_probs" in needs:
        two = np.sort(plane.probs, axis=1)[:, -2:]
        return two[:, 0] - two[:, 1]
    return np.zeros(len(plane.places))


def lines(plane: Plane, function: Function) -> list[tuple[Point, Point]]:
    """Return the lines between the groups, or the classes, that a function looks at."""
    if "groups" in function.entry.needs:
        across = [((SCALE * x, 0), (SCALE * x, round(SCALE * HEIGHT))) for x in range(1, 4)]
        up = [((0, SCALE * y), (round(SCALE * WIDTH), SCALE * y)) for y in range(1, 3)]
        return across + up
    return borders(plane.centres) if looks_at_classes(function) else []


def looks_at_classes(function: Function) -> bool:
    """Return whether a function, or what it builds on, is of probabilities of classes."""
    needs = {need for each in function.walk() for need in each.entry.needs}
    return PREDICTIONS in sources(tuple(needs)) and not needs & {
        "mean",
        "std",
        "member_values",
        "label_probs",
    }


def order(values: Array) -> Rows:
    """Return places by score, the highest first, the first of equal ones first; no NaN."""
    ranked = np.argsort(-values.round(DIGITS), kind="stable")
    return ranked[~np.isnan(values[ranked])]


def shades(values: Array) -> Rows:
    """Return a shade for each score: the higher, the darker, as many of each; -1 for NaN."""
    rounded = values.round(DIGITS)
    known = np.sort(rounded[~np.isnan(rounded)])
    if not np.ptp(known):
        return np.where(np.isnan(rounded), -1, LEVELS // 2)
    # In the middle of those with the same score, so that they have the same shade.
    ranks = np.searchsorted(known, rounded) + np.searchsorted(known, rounded, side="right")
    found = np.minimum(ranks * LEVELS // (2 * len(known)), LEVELS - 1)
    return np.where(np.isnan(rounded), -1, found)


def pixel(place: Array) -> Point:
    """Return where a place is drawn; the plane's y goes up, the picture's down."""
    return round(SCALE * float(place[0])), round(SCALE * (HEIGHT - float(place[1])))


def borders(centres: Array) -> list[tuple[Point, Point]]:
    """Return the lines between the classes: from where all three meet, away from each."""
    squared = np.square(centres).sum(axis=1)
    meeting = np.linalg.solve(2 * (centres[1:] - centres[0]), squared[1:] - squared[0])
    found = []
    for each in range(3):
        one, other = np.delete(centres, each, axis=0)
        along = np.array([other[1] - one[1], one[0] - other[0]])
        along *= math.copysign(2 * WIDTH / float(np.hypot(*along)), along @ (one - centres[each]))
        found.append((pixel(meeting), pixel(meeting + along)))
    return found


def drawn(scene: Scene) -> Iterator[str]:
    """Yield the lines of a picture."""
    width, height = round(SCALE * WIDTH), round(SCALE * HEIGHT)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img">'
    )
    yield f"<title>{escape(scene.title, quote=False)}</title><style>{STYLE}</style>"
    yield f'<rect class="back" width="{width}" height="{height}" rx="6"/>'
    for (x1, y1), (x2, y2) in scene.borders:
        yield f'<line class="border" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    yield from dots(scene)
    for row in scene.given.tolist():
        x, y = scene.points[row]
        yield f'<circle class="given" cx="{x}" cy="{y}" r="6"/>'
    for row in scene.labelled.tolist():
        x, y = scene.points[row]
        yield f'<rect class="label" x="{x - 4}" y="{y - 4}" width="8" height="8"/>'
    yield from numbered(scene, (width, height))
    yield "</svg>"


def dots(scene: Scene) -> Iterator[str]:
    """Yield the items, those of one shade together."""
    hidden = {*scene.labelled.tolist(), *scene.picked.tolist()}
    for shade in range(-1, LEVELS):
        rows = [row for row in np.flatnonzero(scene.shades == shade).tolist() if row not in hidden]
        spots = [scene.points[row] for row in rows]
        if spots and shade < 0:
            rings = "".join(f"M{x - 2} {y}a2 2 0 1 0 4 0a2 2 0 1 0-4 0" for x, y in spots)
            yield f'<path class="unscored" d="{rings}"/>'
        elif spots:
            opacity = f"{0.14 + 0.7 * shade / (LEVELS - 1):.2f}".lstrip("0")
            marks = "".join(f"M{x} {y}h0" for x, y in spots)
            yield f'<path class="dots" stroke-opacity="{opacity}" d="{marks}"/>'


def numbered(scene: Scene, size: Point) -> Iterator[str]:
    """Yield the picks: a dot each, and a disc with its number where there is room for it."""
    picked = [scene.points[row] for row in scene.picked.tolist()]
    squares = [scene.points[row] for row in np.setdiff1d(scene.labelled, scene.picked).tolist()]
    discs = standing(picked, squares, size)
    for (x, y), (u, v) in zip(picked, discs, strict=True):
        if (x, y) != (u, v):
            yield f'<line class="lead" x1="{x}" y1="{y}" x2="{u}" y2="{v}"/>'
            yield f'<circle class="pick" cx="{x}" cy="{y}" r="3"/>'
    for number, (u, v) in enumerate(discs, start=1):
        yield f'<circle class="disc" cx="{u}" cy="{v}" r="{DISC}"/>'
        yield f'<text x="{u}" y="{v + 3.5:g}">{number}</text>'


def standing(picked: list[Point], squares: list[Point], size: Point) -> list[Point]:
    """Return where each pick's disc stands: on it if it hides nothing else, or else near it."""
    discs: list[Point] = []
    for place, point in enumerate(picked):
        others = [*picked[:place], *picked[place + 1 :]]

        def hides(spot: Point, point: Point = point, others: list[Point] = others) -> int:
            on_discs = sum(math.dist(spot, disc) < 2 * DISC + 1 for disc in discs)
            on_others = sum(math.dist(spot, other) < DISC + 4 for other in (*others, *squares))
            outside = sum(
                not DISC <= at <= most - DISC for at, most in zip(spot, size, strict=True)
            )
            return 1000 * (on_discs + outside) + 100 * on_others + round(math.dist(spot, point))

        discs.append(min(around(point), key=hides))
    return discs


def around(point: Point) -> list[Point]:
    """Return the places where a disc may stand."""
    turns = [math.pi * each / 8 for each in range(16)]
    return [
        (point[0] + round(far * math.cos(turn)), point[1] - round(far * math.sin(turn)))
        for far in LEAD
        for turn in (turns if far else turns[:1])
    ]
