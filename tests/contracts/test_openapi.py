"""openapi.yaml is the code's own description, and says all that a client needs."""

import subprocess
import sys
from pathlib import Path

import openapi_spec_validator
import pytest
import yaml
from jsonschema import Draft202012Validator

from service.acquisition import REGISTRY
from service.app import create_app
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DESCRIBED = yaml.safe_load((ROOT / "openapi.yaml").read_text())
METHODS = {"get", "put", "post", "patch", "delete"}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DESCRIBED["paths"].items()
    for method, operation in operations.items()
    if method in METHODS
}
UNDESCRIBED = {"/", "/openapi.json", "/docs", "/docs/start.js", "/docs/<name>"}


@pytest.fixture(params=sorted(OPERATIONS))
def operation(request):
    return OPERATIONS[request.param]


def test_the_file_is_current():
    made = subprocess.run(
        [sys.executable, "-m", "service.openapi"], capture_output=True, text=True, check=True
    )

    assert made.stdout == (ROOT / "openapi.yaml").read_text(), "run `make openapi`"


def test_it_is_openapi_3_1():
    assert DESCRIBED["openapi"].startswith("3.1")


def test_every_route_is_described(tmp_path):
    rules = create_app(
        Settings(data_dir=tmp_path, redis_url="redis://nowhere")
    ).url_map.iter_rules()
    routes = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in rules
        if rule.rule not in UNDESCRIBED
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert routes == OPERATIONS.keys()


def test_an_operation_has_an_id_a_summary_and_a_tag(operation):
    assert operation["operationId"].isidentifier()
    assert operation["summary"]
    assert operation["tags"]


def test_no_two_operations_share_an_id():
    ids = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(ids) == len(set(ids))


def test_an_operation_shows_an_example_of_its_success(operation):
    successes = [code for code in operation["responses"] if code.startswith("2")]

    assert successes
    for code in successes:
        for content in operation["responses"][code].get("content", {}).values():
            assert "example" in content


def test_an_operation_shows_the_body_it_takes(operation):
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        assert "example" in content or kind != "application/json"


def test_an_operation_names_its_errors_as_problems(operation):
    errors = {code: said for code, said in operation["responses"].items() if code[0] in "45"}
    errors.pop("414", None)  # the web server's own, before any of ours reads the request

    assert "401" in errors
    for said in errors.values():
        resolved = said
        if "$ref" in said:
            resolved = DESCRIBED["components"]["responses"][said["$ref"].rsplit("/", 1)[1]]
        assert list(resolved["content"]) == ["application/problem+json"]


def test_every_function_is_described_with_its_parameters():
    schemas = DESCRIBED["components"]["schemas"]
    asked = schemas["NewScoring"]["properties"]["acquisitions"]["items"]

    assert asked == {"$ref": "#/components/schemas/Function"}
    assert len(REGISTRY) == len(schemas["Function"]["oneOf"])
    for name, entry in REGISTRY.items():
        described = schemas[f"Function_{name}"]
        assert described["properties"]["name"]["enum"] == [name, *entry.aliases]
        assert described["properties"]["parameters"] == entry.parameters_schema()


def test_every_reference_leads_somewhere():
    def references(node):
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for inner in node.values():
                yield from references(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from references(inner)

    for reference in set(references(DESCRIBED)):
        found = DESCRIBED
        for word in reference.removeprefix("#/").split("/"):
            found = found[word]


def test_what_a_client_may_send_is_closed():
    schemas = DESCRIBED["components"]["schemas"]
    sent = [
        content["schema"]["$ref"].rsplit("/", 1)[1]
        for operation in OPERATIONS.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in content.get("schema", {})
    ]

    assert sent
    for name in sent:
        assert schemas[name].get("additionalProperties") is False, name


def test_it_is_valid():
    openapi_spec_validator.validate(DESCRIBED)


def test_every_example_fits_its_schema(operation):
    contents = [operation.get("requestBody", {}), *operation["responses"].values()]
    for content in [each for holder in contents for each in holder.get("content", {}).values()]:
        schema = {"allOf": [content.get("schema", {})], "components": DESCRIBED["components"]}
        examples = [each["value"] for each in content.get("examples", {}).values()]
        for example in [*examples, *([content["example"]] if "example" in content else [])]:
            Draft202012Validator(schema).validate(example)
