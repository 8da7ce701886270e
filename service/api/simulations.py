"""/v1/simulations"""

from collections.abc import Mapping
from typing import Any

from flask import Response, request, send_file

from service.api import simulation_examples as examples
from service.api import tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.api.idempotency import once
from service.api.negotiation import preferred, varying
from service.api.preferences import answer_submitted
from service.errors import (
    Conflict,
    InvalidRequest,
    MalformedBody,
    NotAcceptable,
    PoolNotFound,
    SimulationNotFound,
    TooBusy,
    UnsupportedFormat,
)
from service.operations import simulations
from service.operations.simulations import CURVES, ROUNDS
from service.schemas.jobs import JobSchema
from service.schemas.paging import PageArguments, PoolPageArguments
from service.schemas.simulations import (
    NewSimulationSchema,
    RoundPageSchema,
    SimulationPageSchema,
    SimulationSchema,
)
from service.simulation import Plan

blueprint = Blueprint(
    "simulations",
    __name__,
    url_prefix="/v1/simulations",
    description="Active learning replayed on labelled pools",
)

JSON = "application/json"
SVG, PNG = CURVES


@blueprint.route("", methods=["POST"])
@blueprint.arguments(NewSimulationSchema, example=examples.NEW_SIMULATION)
@blueprint.response(202, JobSchema, example=examples.SIMULATION_JOB)
@blueprint.alt_response(201, schema=JobSchema, example=examples.SIMULATION_DONE, success=True)
@blueprint.fails(
    InvalidRequest,
    Conflict,
    MalformedBody,
    PoolNotFound,
    UnsupportedFormat,
    TooBusy,
)
def submit_simulation(plan: Plan) -> Response:
    """Replay active learning on a labelled pool

    Every estimator is run with every function and every seed: items are labelled, the estimator is
    fitted and measured, the function chooses the next, over and over. `random` is always beside
    them. All workers share the runs, and the same request on the same labels gives the same curves.
    What cannot work is refused here. `Prefer: wait=n` waits up to n seconds for the result.
    """

    def carry_out(id: str) -> Response:
        return answer_submitted(request, simulations.submit(backend(), plan, id))

    return once(request, plan, carry_out)


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PoolPageArguments, location="query")
@blueprint.response(200, SimulationPageSchema, example=examples.SIMULATION_PAGE)
@blueprint.fails(InvalidRequest)
def list_simulations(arguments: dict[str, Any]) -> Response:
    """List the simulations, all or a pool's, the newest first"""
    question = ["simulations", arguments["pool"]]
    after = tokens.after(arguments, question)
    found, following = simulations.page(backend(), after, arguments["page_size"], arguments["pool"])
    answer = {"simulations": found, "next_page_token": tokens.following(following, question)}
    return dumped(SimulationPageSchema, answer)


@blueprint.route("/<simulation_id>", methods=["GET"])
@blueprint.response(200, SimulationSchema, example=examples.SIMULATION)
@blueprint.fails(SimulationNotFound)
def get_simulation(simulation_id: str) -> Response:
    """Read what a simulation was asked, and what came of it"""
    return dumped(SimulationSchema, simulations.get(backend(), simulation_id))


@blueprint.route("/<simulation_id>", methods=["DELETE"])
@blueprint.response(204)
@blueprint.fails(SimulationNotFound)
def delete_simulation(simulation_id: str) -> Response:
    """Delete a simulation with its rounds and curves"""
    simulations.delete(backend(), simulation_id)
    return Response(status=204)


@blueprint.route("/<simulation_id>/rounds", methods=["GET"])
@blueprint.arguments(PageArguments, location="query")
@blueprint.response(200, RoundPageSchema, example=examples.ROUND_PAGE)
@blueprint.doc(responses={200: {"content": examples.ROUND_FILES}})
@blueprint.fails(InvalidRequest, SimulationNotFound, NotAcceptable)
def read_rounds(arguments: dict[str, Any], simulation_id: str) -> Response:
    """Read every round: what was labelled, and how the model then scores

    JSON comes in pages. By `Accept`, CSV, NDJSON and an Arrow stream come whole, as they were
    written when the simulation ended.
    """
    kind = preferred((JSON, *ROUNDS))
    if kind != JSON:
        return answer_file(simulation_id, ROUNDS, kind)
    question = ["rounds", simulation_id]
    start = tokens.start(arguments, question)
    found, following = simulations.rounds(backend(), simulation_id, start, arguments["page_size"])
    answer = {"rounds": found, "next_page_token": tokens.following(following, question)}
    return varying(dumped(RoundPageSchema, answer))


@blueprint.route("/<simulation_id>/curves", methods=["GET"])
@blueprint.response(200, examples.TEXT, content_type=SVG, example=examples.SVG)
@blueprint.doc(responses={200: {"content": examples.PNG_CONTENT}})
@blueprint.fails(SimulationNotFound, NotAcceptable)
def read_curves(simulation_id: str) -> Response:
    """Read the curves as a picture, SVG or PNG by `Accept`: the mean, and a band over seeds"""
    return answer_file(simulation_id, CURVES, preferred(tuple(CURVES)))


@blueprint.route("/<simulation_id>/curves.svg", methods=["GET"])
@blueprint.response(200, examples.TEXT, content_type=SVG, example=examples.SVG)
@blueprint.fails(SimulationNotFound)
def read_curves_svg(simulation_id: str) -> Response:
    """Read the curves as SVG"""
    return answer_file(simulation_id, CURVES, SVG)


@blueprint.route("/<simulation_id>/curves.png", methods=["GET"])
@blueprint.response(200, examples.BYTES, content_type=PNG, example=examples.PNG)
@blueprint.fails(SimulationNotFound)
def read_curves_png(simulation_id: str) -> Response:
    """Read the curves as PNG"""
    return answer_file(simulation_id, CURVES, PNG)


def answer_file(simulation_id: str, files: Mapping[str, str], kind: str) -> Response:
    """Return a file of a simulation as it is. It never changes."""
    path = simulations.file(backend(), simulation_id, files[kind])
    return varying(
        send_file(path, mimetype=kind, conditional=True, etag=f"{simulation_id}.{path.name}")
    )
