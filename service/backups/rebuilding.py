"""After Redis was lost: records, made again of what stands in the files and says what it is.

What was only in Redis is gone: labels, exclusion sets, leases, annotations, learners, jobs, keys,
and pools without a part.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from service.backend import Backend, open_backend
from service.backups import contents
from service.backups.refusal import Refused
from service.data_format import FORMAT
from service.files import (
    MANIFEST,
    given_name,
    model_manifest_name,
    model_name,
    part_name,
    ranking_name,
    simulation_name,
)
from service.processes import layout
from service.records import Model, Part, Pool, Predictions, Ranking, Record, Simulation
from service.settings import Settings
from service.workspaces import DEFAULT, FOLDER

R = TypeVar("R", bound=Record)

REMEDY = "`shortlist rebuild` was cut short; run it again, before anything else is started"
GIVEN = "predictions"


@dataclass
class Rebuilt:
    """What was found: how many records of each kind, and what was left out, and why."""

    counts: dict[str, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def count(self, kind: str) -> None:
        """Count one more record of a kind."""
        self.counts[kind] = self.counts.get(kind, 0) + 1


def rebuild(settings: Settings) -> Rebuilt:
    """Make the records again that files tell of; raise Refused where Redis is not lost."""
    backend, outcome = open_backend(settings), Rebuilt()
    names = [DEFAULT, *sorted(backend.files.names(FOLDER))]
    refuse(backend, names)
    layout.begin(settings.data_dir, REMEDY)
    for name in names:
        rebuild_workspace(backend.within(name), outcome)
        backend.keys.remember_workspace(name)
    layout.finish(settings.data_dir)
    return outcome


def refuse(backend: Backend, workspaces: Iterable[str]) -> None:
    """Raise Refused where Redis holds records that an earlier, unfinished try did not make."""
    if layout.unfinished(backend.settings.data_dir) == REMEDY:
        return
    for name in workspaces:
        for kind in contents.KINDS:
            found, _ = backend.within(name).storage.page(kind, None, 1)
            if found:
                raise Refused(
                    f"Redis is not lost: it has the {kind.kind} {found[0].id} of the workspace"
                    f" {name}. Nothing was changed"
                )


def rebuild_workspace(backend: Backend, outcome: Rebuilt) -> None:
    """Make the records of one workspace again."""
    for id in sorted(backend.files.names("models")):
        if not id.endswith(".json"):
            enter(backend, outcome, Model, model_name(id), said(backend, model_manifest_name(id)))
    for id in sorted(backend.files.names("pools")):
        rebuild_pool(backend, outcome, id)
    for id in sorted(backend.files.names("rankings")):
        enter_about(backend, outcome, Ranking, ranking_name(id))
    for id in sorted(backend.files.names("simulations")):
        enter_about(backend, outcome, Simulation, simulation_name(id))


def rebuild_pool(backend: Backend, outcome: Rebuilt, id: str) -> None:
    """Make the record of a pool again, and those of what was predicted of it."""
    told = {}
    for part in sorted(backend.files.names(f"pools/{id}") - {GIVEN}):
        found = said(backend, f"{part_name(id, part)}/{MANIFEST}")
        if found is None:
            leave_out(backend, outcome, part_name(id, part), "it says not what it is")
        else:
            told[part] = found
    chain = longest_chain(told)
    for part in sorted(told.keys() - set(chain)):
        leave_out(backend, outcome, part_name(id, part), "it is not in the order of the parts")
    if not chain:
        return
    document = {**told[chain[-1]]["pool"], "parts": [told[part]["record"] for part in chain]}
    backend.storage.add(Pool.from_document(document))
    outcome.count(Pool.kind)
    for given in sorted(backend.files.names(f"pools/{id}/{GIVEN}")):
        enter_about(backend, outcome, Predictions, given_name(id, given))


def longest_chain(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the ids of a pool's parts in order: each names the one before it.

    Of several last ones that written last: the others are of attempts that died.
    """
    following: dict[str | None, list[str]] = {}
    for part, each in told.items():
        following.setdefault(each["previous"], []).append(part)
    ends, found = [], following.get(None, [])
    while found:
        ends, found = found, [part for end in found for part in following.get(end, [])]
    chain = sorted(ends, key=lambda part: str(told[part]["written_at"]))[-1:]
    while chain and told[chain[-1]]["previous"] is not None:
        chain.append(told[chain[-1]]["previous"])
    return chain[::-1]


def enter_about(backend: Backend, outcome: Rebuilt, kind: type[R], name: str) -> None:
    """Remember what is about a pool, where that stands with all parts that it is about."""
    found = said(backend, f"{name}/{MANIFEST}")
    if found is not None:
        pool = backend.storage.get(Pool, found["record"]["pool"])
        parts = set() if pool is None else {part.id for part in pool.parts}
        if pool is None or not parts.issuperset(found["record"].get("parts", ())):
            leave_out(backend, outcome, name, "its pool, or a part of it, is not there")
            return
    enter(backend, outcome, kind, name, found)


def enter(
    backend: Backend,
    outcome: Rebuilt,
    kind: type[R],
    name: str,
    found: Mapping[str, Any] | None,
) -> None:
    """Remember a record again, if its manifest says what it was."""
    if found is None:
        leave_out(backend, outcome, name, "it says not what it is")
        return
    backend.storage.add(kind.from_document(found["record"]))
    outcome.count(kind.kind)


def leave_out(backend: Backend, outcome: Rebuilt, name: str, reason: str) -> None:
    """Note what was left out, and why."""
    outcome.left_out.append(f"{backend.workspace}: {name}: {reason}")


def said(backend: Backend, name: str) -> dict[str, Any] | None:
    """Return what a manifest says, or None where there is none that can be read."""
    try:
        found: dict[str, Any] = json.loads(backend.files.path(name).read_bytes())
        return found if found["format"] <= FORMAT and is_known(found) else None
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def is_known(found: Mapping[str, Any]) -> bool:
    """Return whether a record is one that this version can read."""
    kinds: tuple[type[Record], ...] = contents.KINDS
    if found["kind"] == "part":
        Part(**{**found["record"], "metadata": tuple(found["record"]["metadata"])})
        Pool.from_document({**found["pool"], "parts": []})
        return {"previous", "written_at"} <= found.keys()
    return any(kind.kind == found["kind"] and kind.from_document(found["record"]) for kind in kinds)
