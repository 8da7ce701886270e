"""Which column of a table (CSV, Arrow, Parquet) is what.

    id         the column named by `id_column`, by default `id`; it must be there
    metadata   the columns listed in `metadata`; without that list, every column whose name starts
               with `metadata.`; the prefix is no part of the metadata's name
    features   the columns listed in `features`, in that order; without that list, the column named
               `features`, if there is one; otherwise every remaining column, in the file's order;
               where no column remains, the items have no features

A column that is two of these, or none, refuses the upload and is named, and so does a name that
stands twice or is empty. A column whose name starts with `metadata.` is a feature only if
`features` lists it.

Columns of single numbers become items of shape [number of columns], also where it is just one. In
Arrow and Parquet one column of lists, all of one length, or of fixed-shape tensors gives the items
its own shape.

Features of Arrow and Parquet columns stay uint8, float16, float32 or float64; columns of several of
these become numpy's common type, and integers other than uint8 become float64, if all of them are
exact (at most 2**53). Features in CSV are float64, or what `dtype` asks for. A metadata column of
a CSV file is a column of numbers, if each of its cells is a number as JSON writes it and float64
keeps it exactly; of booleans, if each is true or false (True, False); otherwise of strings. An
empty cell is a missing value, except among ids and features, where it is an error.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.errors import UploadRefused
from workers.untrusted.formats.faults import quoted, refusal
from workers.untrusted.formats.upload import Options

PREFIX = "metadata."
FEATURES = "features"
HEADER = "header"


@dataclass(frozen=True)
class Columns:
    """The position of each column in the table, by what it is; there may be no features."""

    id: int
    features: tuple[int, ...]
    metadata: dict[str, int]


def assign(names: Sequence[str], options: Options) -> Columns:
    """Return which column is what."""
    check_names(names)
    check_listed(names, options)
    metadata = metadata_columns(names, options)
    features = feature_columns(names, options, metadata)
    roles = Counter([options.id_column, *features, *metadata])
    for name in names:
        check_one_role(name, roles[name])
    position = {name: index for index, name in enumerate(names)}
    return Columns(
        id=position[options.id_column],
        features=tuple(position[name] for name in features),
        metadata={label: position[name] for label, name in labels(metadata).items()},
    )


def check_names(names: Sequence[str]) -> None:
    """Refuse column names that are empty or stand twice."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            raise refusal(
                "A column has no name: name it, or leave it out (a data frame's row numbers?)",
                f"column {index + 1}",
            )
        if name in seen:
            raise refusal("Two columns have this name: rename one", column(name))
        seen.add(name)


def check_listed(names: Sequence[str], options: Options) -> None:
    """Refuse columns that were asked for and are not there."""
    if options.id_column not in names:
        raise refusal(
            f"There is no column {quoted(options.id_column)} of ids: add one, or say which it is "
            f"with ?id_column=",
            HEADER,
        )
    for parameter, listed in (("features", options.features), ("metadata", options.metadata)):
        for name in listed or ():
            if name not in names:
                raise refusal(f"?{parameter}= lists a column that is not there", column(name))
        if len(set(listed or ())) != len(listed or ()):
            raise refusal(f"?{parameter}= lists a column twice", HEADER)


def metadata_columns(names: Sequence[str], options: Options) -> list[str]:
    """Return the columns that hold metadata."""
    if options.metadata is not None:
        return list(options.metadata)
    taken = {options.id_column, *(options.features or ())}
    return [name for name in names if name.startswith(PREFIX) and name not in taken]


def feature_columns(names: Sequence[str], options: Options, metadata: list[str]) -> list[str]:
    """Return the columns that hold features."""
    if options.features is not None:
        return list(options.features)
    taken = {options.id_column, *metadata}
    if FEATURES in names and FEATURES not in taken:
        return [FEATURES]
    return [name for name in names if name not in taken and not name.startswith(PREFIX)]


def check_one_role(name: str, count: int) -> None:
    """Refuse a column that is two things, or none."""
    if count > 1:
        raise refusal(
            "The column is asked for as two things: it can be the id, a feature or metadata",
            column(name),
        )
    if count == 0:
        raise neither(name)


def neither(name: str) -> UploadRefused:
    """Return the error for a column that is nothing."""
    remedy = f"rename it to {PREFIX}{name}, " if not name.startswith(PREFIX) else ""
    return refusal(
        f"The column is neither the id, nor a feature, nor metadata: {remedy}list it in "
        f"?metadata= or ?features=, or leave it out",
        column(name),
    )


def no_number(name: str, found: str) -> UploadRefused:
    """Return the error for a column among the features that holds no numbers."""
    return refusal(
        f"Features must be numbers, and this column holds {found}: if it is no feature, send it as "
        f"metadata: rename it to {PREFIX}{name} or list it in ?metadata=",
        column(name),
    )


def labels(metadata: Sequence[str]) -> dict[str, str]:
    """Return the metadata columns by the names that they get."""
    found: dict[str, str] = {}
    for name in metadata:
        label = name.removeprefix(PREFIX)
        if label in found or not label:
            raise refusal("The column's name without its prefix is empty or taken", column(name))
        found[label] = name
    return found


def column(name: str) -> str:
    """Return how a column is referred to."""
    return f"column {quoted(name)}"
