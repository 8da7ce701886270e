"""Which column of a table (CSV, Arrow, Parquet) is what.

    id            the column named by `id_column`, by default `id`; it must be there
    mean, std     of regression: these two and no other
    the kind's    in Arrow and Parquet, one column of lists: `probs`, `members`, `votes`,
                  `label_probs`, `values`, `objects`, `tokens`; beside objects `boxes` and `labels`
    all others    otherwise one column for each class, whose name is the class, or for each member
                  of votes and regression_members, whose name says nothing

In CSV, objects, tokens and members take a row each, those of an item one after another; beside the
classes' columns there may be `box.0` to `box.3` and `label` for objects.
"""

from collections.abc import Sequence

from workers.untrusted.formats.columns import Columns, check_names, column
from workers.untrusted.formats.faults import quoted, refusal
from workers.untrusted.given.classes import Class, resolve, resolve_columns
from workers.untrusted.given.kinds import REGRESSION
from workers.untrusted.given.request import Asked

HEADER = "header"
LISTS = "lists"
WAY = ", or by naming columns of single values for them"


def assign(names: Sequence[str], asked: Asked) -> Columns:
    """Return which column is the id, and which have the values."""
    check_names(names)
    id_column = asked.upload.options.id_column
    if id_column not in names:
        raise refusal(
            f"There is no column {quoted(id_column)} of ids: add one, or say which it is with "
            f"?id_column=",
            HEADER,
        )
    position = {name: index for index, name in enumerate(names) if name != id_column}
    wanted: Sequence[str] = list(position)
    if asked.kind.fields == REGRESSION:
        wanted = REGRESSION
        for name in sorted(set(REGRESSION) ^ position.keys()):
            detail = "is not there" if name in REGRESSION else "is unknown: leave it out"
            raise refusal(
                f"Predictions have the columns mean and std; this one {detail}", column(name)
            )
    if not wanted:
        raise refusal(f"There is no column of {asked.kind.noun} beside the ids", HEADER)
    return Columns(
        id=list(names).index(id_column),
        features=tuple(position[name] for name in wanted),
        metadata={},
    )


def only(names: Sequence[str], columns: Columns, wanted: Sequence[str]) -> None:
    """Refuse columns beside those that hold everything."""
    for position in columns.features:
        if names[position] not in wanted:
            raise refusal(
                f"The column stands beside {wanted[0]}, which holds everything: leave it out",
                column(names[position]),
            )


def classes_of(asked: Asked, names: Sequence[str]) -> tuple[Class, ...]:
    """Return the classes where each column of values has this name."""
    if asked.kind.form.scaled:
        return resolve_columns(asked, names)
    return resolve(asked, None, HEADER, "")
