"""Simulations: checked and submitted here; replayed by workers; read as they were written."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.acquisition import REGISTRY
from service.backend import Backend
from service.errors import Fault, InvalidRequest, SimulationNotFound
from service.estimators import Recipe
from service.files import simulation_name
from service.functions import Function
from service.operations import jobs, pools, unsettled, usage
from service.operations.replaying import Asked, faults_of
from service.operations.scorings import check_parameters, refuse_too_soon
from service.operations.stock import census_of, given_codes
from service.records import Job, Simulation, new_id
from service.simulation import Plan

BASELINE = "random"
"""The function that every other is compared with."""

PAGE_BYTES = 8 * 1024**2

NDJSON = "application/x-ndjson"

ROUNDS = {
    "text/csv": "rounds.csv",
    NDJSON: "rounds.ndjson",
    "application/vnd.apache.arrow.stream": "rounds.arrow",
}
"""The files of every round, by media type."""

CURVES = {"image/svg+xml": "curves.svg", "image/png": "curves.png"}
"""The files of the curves, by media type."""


def submit(backend: Backend, plan: Plan, id: str | None = None) -> Job:
    """Ask workers to replay a plan, by a job with a new id unless one is given; raise
    InvalidRequest for what cannot work."""
    asked = validate(backend, plan)
    job = Job(
        id=id or new_id(),
        task="simulate",
        request=request_of(asked.plan),
        pool=asked.plan.pool,
        total=len(asked.plan.runs) * asked.fits,
    )
    return jobs.submit(backend, job)


def validate(backend: Backend, plan: Plan) -> Asked:
    """Return a plan with all that it names looked up; raise InvalidRequest with its faults."""
    pool = pools.get(backend, plan.pool)
    tests = None if plan.test_pool is None else pools.get(backend, plan.test_pool)
    refuse_too_soon(backend, pool)
    plan = beside_baseline(plan)
    refuse_too_many(backend, plan)
    stock = census_of(backend, pool)
    asked = Asked(
        plan,
        stock,
        None if tests is None else census_of(backend, tests),
        given_codes(backend, stock, plan.initial.ids),
    )
    faults = list(faults_of(backend, asked))
    if faults:
        first = f"{faults[0].detail} (at {faults[0].pointer})"
        raise InvalidRequest(f"This cannot be simulated as asked: {first}", faults=faults)
    return asked


def beside_baseline(plan: Plan) -> Plan:
    """Return the plan with the baseline among its functions, the last where it was not named."""
    if any(each.name == BASELINE for each in plan.functions):
        return plan
    entry = REGISTRY[BASELINE]
    parameters = {each.name: each.default for each in entry.parameters}
    return replace(plan, functions=(*plan.functions, Function(BASELINE, parameters)))


def refuse_too_many(backend: Backend, plan: Plan) -> None:
    """Raise InvalidRequest for more functions than a job may have."""
    count = sum(len(list(function.walk())) for function in plan.functions)
    limit = backend.settings.max_functions
    if count > limit:
        detail = f"With `{BASELINE}` these are {count}"
        raise InvalidRequest(
            f"A job computes at most {limit} functions (max_functions)",
            faults=[Fault("/functions", detail)],
        )
    check_parameters(backend, plan.functions)


def request_of(plan: Plan) -> dict[str, Any]:
    """Return a plan as a client asks for it, every default filled in."""
    document = plan.document()
    del document["recipes"]
    return {**document, "estimators": [each.asked() for each in plan.recipes]}


def plan_of(request: Mapping[str, Any]) -> Plan:
    """Return the plan that a job's request describes."""
    document = dict(request)
    recipes = [Recipe.from_asked(each).document() for each in document.pop("estimators")]
    return Plan.from_document({**document, "recipes": recipes})


def get(backend: Backend, id: str) -> Simulation:
    """Return a simulation."""
    found = backend.storage.get(Simulation, id)
    if found is None:
        raise SimulationNotFound(f"There is no simulation {id}; its job may not have ended yet")
    return found


def page(
    backend: Backend, after: str | None, limit: int, pool: str | None
) -> tuple[list[Simulation], str | None]:
    """Return simulations, all or a pool's, the newest first, and where to go on."""
    return backend.storage.page(Simulation, after, limit, f"pool:{pool}" if pool else None)


def delete(backend: Backend, id: str) -> None:
    """Delete a simulation and its files."""
    found = get(backend, id)
    unsettled.note(backend, simulation_name(id))
    if not backend.storage.remove(found):
        raise SimulationNotFound(f"There is no simulation {id}")
    backend.files.remove(simulation_name(id))
    usage.count_again(backend)


def file(backend: Backend, id: str, name: str) -> Path:
    """Return a file of a simulation."""
    path = backend.files.path(f"{simulation_name(get(backend, id).id)}/{name}")
    if not path.is_file():  # it is being deleted
        raise SimulationNotFound(f"There is no simulation {id}")
    return path


def rounds(
    backend: Backend, id: str, start: int, limit: int
) -> tuple[list[dict[str, Any]], int | None]:
    """Return rounds from a place in the file on, in the order of runs, and where to go on.

    There are `limit` of them, or fewer: no more than fit into PAGE_BYTES, but one at the least.
    """
    found: list[dict[str, Any]] = []
    with file(backend, id, ROUNDS[NDJSON]).open("rb") as lines:
        lines.seek(max(0, start - 1))
        if start and lines.read(1) != b"\n":
            raise InvalidRequest(
                "No page begins there", faults=[Fault("?page_token", "Not one of this list's")]
            )
        for line in lines:
            read = lines.tell() - start
            if len(found) == limit or (found and read > PAGE_BYTES):
                return found, lines.tell() - len(line)
            found.append(json.loads(line))
    return found, None
