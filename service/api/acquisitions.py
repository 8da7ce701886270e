"""/v1/acquisitions"""

from flask import Response

from service.acquisition import ALIASES, REGISTRY
from service.api import examples
from service.api.blueprint import Blueprint, dumped
from service.errors import AcquisitionNotFound
from service.schemas.acquisitions import AcquisitionSchema, AcquisitionsSchema

blueprint = Blueprint(
    "acquisitions", __name__, url_prefix="/v1/acquisitions", description="What can be computed"
)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, AcquisitionsSchema, example=examples.ACQUISITIONS)
def list_acquisitions() -> Response:
    """List every acquisition function"""
    return dumped(AcquisitionsSchema, {"acquisitions": list(REGISTRY.values())})


@blueprint.route("/<name>", methods=["GET"])
@blueprint.response(200, AcquisitionSchema, example=examples.ACQUISITION)
@blueprint.fails(AcquisitionNotFound)
def get_acquisition(name: str) -> Response:
    """Read what an acquisition function computes, needs and takes, by its name or an alias"""
    found = REGISTRY.get(ALIASES.get(name, name))
    if found is None:
        raise AcquisitionNotFound(f"There is no function {name}; there are {', '.join(REGISTRY)}")
    return dumped(AcquisitionSchema, found)
