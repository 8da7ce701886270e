"""Requests that nobody thought of, made from openapi.yaml: each is answered as it says there.

Schemathesis draws them: what the description allows, and what it does not, some with the ids of
things that there are; and then walks from answer to request. `make fuzz` draws many more.
"""

from collections import Counter
from http import HTTPStatus

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode

from tests.conftest import installation
from tests.populated import populate

ASKED = frozenset(
    {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
    }
)
READ_BY_A_WORKER = frozenset({"/v1/pools/{pool_id}/items", "/v1/pools/{pool_id}/predictions"})
"""Bodies that are accepted unopened: what is wrong with them the job says."""

NAMED = {"pool": "pool_id", "model": "model_id", "predictions": "predictions_id"}
IS_LONG = settings.get_current_profile_name() == "long"
REQUESTS, WALKS, STEPS = (60, 60, 30) if IS_LONG else (4, 3, 10)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with installation(tmp_path_factory.mktemp("data"), workers=1) as (client, _):
        yield client


@pytest.fixture(scope="module")
def schema(client):
    load_all_checks()
    return schemathesis.openapi.from_url(f"{client.url}/openapi.json")


@pytest.fixture(scope="module")
def known(client):
    return populate(client)


def drawing(examples):
    """How requests are drawn: the same ones each time, unless many are."""
    return settings(
        max_examples=examples,
        derandomize=not IS_LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


ON_A_WALK = frozenset({"use_after_free", "ensure_resource_availability"})


def checks_of(operation, more=frozenset()):
    """What an answer of an operation is held to."""
    unopened = operation.path in READ_BY_A_WORKER
    wanted = (ASKED - {"negative_data_rejection"} if unopened else ASKED) | more
    return [check for check in CHECKS.get_all() if check.__name__ in wanted]


def name_what_there_is(case, known):
    """Put ids of things that there are in a request."""
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    if isinstance(case.body, dict):
        case.body.update({name: known[id] for name, id in NAMED.items() if name in case.body})


def ask(operation, mode, known, answered):
    """Send an operation requests, and hold the answers to what is described."""
    checks = checks_of(operation)

    @given(case=operation.as_strategy(generation_mode=mode), there_is=st.booleans())
    @drawing(REQUESTS)
    def asking(case, there_is):
        if there_is and case.method != "DELETE":
            name_what_there_is(case, known)
        answer = case.call()
        answered[answer.status_code] += 1
        if answer.status_code != HTTPStatus.REQUEST_URI_TOO_LONG:  # said before anything is read
            case.validate_response(answer, checks=checks)

    asking()


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_every_answer_is_one_that_is_described(schema, known, mode):
    answered = Counter()
    for operation in (found.ok() for found in schema.get_all_operations()):
        try:
            ask(operation, mode, known, answered)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, "it takes nothing, so nothing of it is wrong"

    print(f"{answered.total()} answers: {dict(sorted(answered.items()))}")  # noqa: T201
    assert {200, 404, 422} <= set(answered) or mode is GenerationMode.NEGATIVE


def test_every_answer_on_a_walk_is_one_that_is_described(schema):
    answered = Counter()

    class Walk(schema.as_state_machine()):
        def validate_response(self, response, case, additional_checks=None, **more):
            answered[response.status_code] += 1
            checks = checks_of(case.operation, ON_A_WALK)
            case.validate_response(response, checks=checks, recorder=self.recorder)

    Walk.run(settings=settings(drawing(WALKS), stateful_step_count=STEPS))

    print(f"{answered.total()} answers: {dict(sorted(answered.items()))}")  # noqa: T201
    assert {200, 201} & set(answered), "a walk comes to something that there is"
