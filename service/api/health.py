"""/livez, /readyz and /v1/limits"""

from flask import Response

from service.api import examples
from service.api.blueprint import Blueprint, backend, json_answer
from service.errors import Unavailable
from service.schemas.health import LimitsSchema, StateSchema

blueprint = Blueprint("service", __name__, description="The service itself")


@blueprint.route("/livez", methods=["GET"])
@blueprint.response(200, StateSchema, example={"state": "alive"})
def get_liveness() -> Response:
    """Tell whether the API answers"""
    return json_answer({"state": "alive"})


@blueprint.route("/readyz", methods=["GET"])
@blueprint.response(200, StateSchema, example={"state": "ready"})
@blueprint.fails(Unavailable)
def get_readiness() -> Response:
    """Tell whether the API can reach its storage"""
    backend().storage.ping()
    return json_answer({"state": "ready"})


@blueprint.route("/v1/limits", methods=["GET"])
@blueprint.response(200, LimitsSchema, example=examples.LIMITS)
def get_limits() -> Response:
    """List the limits of this installation"""
    return json_answer({"limits": backend().settings.limits()})
