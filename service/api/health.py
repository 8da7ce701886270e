"""/livez, /readyz and /v1/limits"""

from flask import Response, current_app

from service.api import examples
from service.api.blueprint import Blueprint, backend, json_answer
from service.errors import Unavailable
from service.operations import usage
from service.schemas.health import LimitsSchema, StateSchema

DRAINING = "shortlist-draining"

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
    """Tell whether the API can reach its storage, and is not about to stop"""
    if current_app.extensions[DRAINING]():
        raise Unavailable("This service is about to stop; ask another")
    backend().storage.ping()
    return json_answer({"state": "ready"})


@blueprint.route("/v1/limits", methods=["GET"])
@blueprint.response(200, LimitsSchema, example=examples.LIMITS)
def get_limits() -> Response:
    """List the limits of this installation, and what the key's workspace uses

    `used` counts the jobs that wait or run, and the bytes of the files, as of some seconds ago at
    the earliest; `max_workspace_jobs` and `max_workspace_bytes` are the most that there may be.
    """
    found = backend()
    used = usage.usage(found)
    return json_answer(
        {
            "limits": found.settings.limits(),
            "workspace": found.workspace,
            "used": {"jobs": used.jobs, "bytes": used.bytes},
        }
    )
