"""/v1/estimators"""

from flask import Response

from service.api import training_examples as examples
from service.api.blueprint import Blueprint, dumped
from service.errors import EstimatorNotFound
from service.estimators import CATALOGUE, ESTIMATORS, PCA, SCALINGS
from service.schemas.estimators import EstimatorSchema, EstimatorsSchema

blueprint = Blueprint(
    "estimators", __name__, url_prefix="/v1/estimators", description="What can be fitted"
)


@blueprint.route("", methods=["GET"])
@blueprint.response(200, EstimatorsSchema, example=examples.ESTIMATORS_LISTED)
def list_estimators() -> Response:
    """List every estimator, and what may stand before one"""
    answer = {
        "estimators": list(ESTIMATORS.values()),
        "scalings": SCALINGS,
        "pca": PCA.schema(),
        "library_version": CATALOGUE["scikit-learn"],
    }
    return dumped(EstimatorsSchema, answer)


@blueprint.route("/<name>", methods=["GET"])
@blueprint.response(200, EstimatorSchema, example=examples.ESTIMATOR)
@blueprint.fails(EstimatorNotFound)
def get_estimator(name: str) -> Response:
    """Read what an estimator is and takes, by its name"""
    found = ESTIMATORS.get(name)
    if found is None:
        known = ", ".join(ESTIMATORS)
        raise EstimatorNotFound(f"There is no estimator {name}; there are {known}")
    return dumped(EstimatorSchema, found)
