"""Pieces: how a scoring is shared by workers, along the parts of its pool."""

from collections.abc import Sequence

from service.acquisition.evidence import EVIDENCE, PREDICTIONS
from service.functions import Function
from service.records import Part

Pieces = tuple[tuple[int, int], ...]


def pieces_of(parts: Sequence[Part], functions: Sequence[Function], size: int) -> Pieces:
    """Return the parts of each piece of a scoring: the first, and the first of the next.

    A piece is of at least `size` items, but for the last. There is none where one would be all, or
    where no function can be computed piece by piece.
    """
    if not by_pieces(functions):
        return ()
    pieces, first, rows = [], 0, 0
    for place, part in enumerate(parts, 1):
        rows += part.rows
        if rows >= size or place == len(parts):
            pieces.append((first, place))
            first, rows = place, 0
    return tuple(pieces) if len(pieces) > 1 else ()


def by_pieces(functions: Sequence[Function]) -> list[Function]:
    """Return those functions, and those that they build on, whose score of an item follows from
    what was predicted of it and from its id alone."""
    every = {each.key: each for function in functions for each in function.scored()}
    return [each for each in every.values() if is_by_piece(each)]


def is_by_piece(function: Function) -> bool:
    """Return whether a function's score of an item follows from that item alone."""
    return function.entry.pointwise and all(
        EVIDENCE[need].per_item and (EVIDENCE[need].source == PREDICTIONS or need == "keys")
        for need in function.entry.needs
    )
