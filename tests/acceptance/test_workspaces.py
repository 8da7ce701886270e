"""Keys and workspaces: who shows none gets in nowhere, and who has one sees only what is theirs.

What is tried of every operation is made from the app's own URL map: a new operation is tried by
being there.
"""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from service.api.access import is_open_to_all, scopes_of
from service.app import create_app
from service.backend import backend_on
from service.records import ADMIN, READ, SCOPES
from service.redis_storage import connect
from service.settings import Settings
from tests.client import Client
from tests.conftest import installation, until
from tests.populated import ITEMS, LABELS, populate

DESCRIPTION = yaml.safe_load((Path(__file__).parents[2] / "openapi.yaml").read_text())
SHORTLIST = (sys.executable, "-m", "service.cli", "keys")
BINARY = "application/octet-stream"
ASKED = {
    ("POST", "/v1/models"): "?format=skops",
    ("POST", "/v1/pools/{pool_id}/predictions"): "?kind=probs",
}


@dataclass(frozen=True)
class Operation:
    """One operation, the scope that it needs, and a body that it takes."""

    method: str
    path: str
    scope: str | None

    def __str__(self):
        return f"{self.method} {self.path}"

    @property
    def described(self):
        return DESCRIPTION["paths"][self.path][self.method.lower()]

    @property
    def names(self):
        return re.findall(r"{(\w+)}", self.path)

    def send(self, client, known):
        """Send it with the ids of things that there are."""
        path = self.path.format(**known) + ASKED.get((self.method, self.path), "")
        content = self.described.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            told = content["application/json"]
            body = told.get("example") or next(iter(told.get("examples", {}).values()))["value"]
            return client.send(self.method, path, body)
        if content:
            return client.send(self.method, path, b"x", BINARY)
        return client.send(self.method, path)


def operations():
    """Every operation of the app, those apart that are open to all."""
    app = create_app(backend=backend_on(connect("unix:///nowhere"), Settings(data_dir=HERE)))
    scopes = scopes_of(app)
    return [
        Operation(method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), scopes[rule.endpoint])
        for rule in app.url_map.iter_rules()
        if not is_open_to_all(rule.rule)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    ]


HERE = Path("/tmp/shortlist-nothing-is-written-here")  # noqa: S108
OPERATIONS = operations()


@dataclass(frozen=True)
class Service:
    """A running service, and where its data is."""

    client: Client
    home: Path

    def keys(self, *arguments):
        """Run a command on keys; return what it prints."""
        command = [*SHORTLIST, "--data-dir", str(self.home), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def key(self, workspace, *scopes, more=()):
        """Return a client with a new key."""
        asked = ("--workspace", workspace, "--scopes", ",".join(scopes), *more)
        return replace(self.client, key=self.keys("create", *asked).split("\n")[0])


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    with installation(home, workers=1, allow_joblib="true") as (client, _):
        assert client.get("/v1/pools").status == 200, "without keys the service is open"
        found = Service(client, home)
        found.key("alpha", ADMIN)
        until(lambda: client.get("/v1/pools").status == 401)
        yield found


@pytest.fixture(scope="module")
def alpha(service):
    return service.key("alpha", ADMIN)


@pytest.fixture(scope="module")
def beta(service):
    return service.key("beta", ADMIN)


@pytest.fixture(scope="module")
def known(alpha):
    return populate(alpha)


TOLD_TO_ALL = ("/v1/acquisitions", "/v1/estimators", "/v1/limits")
OWNED = [each for each in OPERATIONS if each.names and not each.path.startswith(TOLD_TO_ALL)]
MAKERS = ("/v1/scorings", "/v1/trainings", "/v1/learners", "/v1/simulations")
LISTS = [
    *(each.path for each in OPERATIONS if each.method == "GET" and not each.names),
]


def test_there_is_something_to_try():
    assert len(OPERATIONS) == sum(
        len(set(each) & {"get", "put", "post", "patch", "delete"})
        for path, each in DESCRIPTION["paths"].items()
        if not is_open_to_all(path)
    )
    assert len(OWNED) > len(OPERATIONS) / 2


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_without_a_key_nothing_is_done(service, known, operation):
    for key in ("", "sl_000000000000_wrong", "sl__", "é"):
        answer = operation.send(replace(service.client, key=key), known)
        assert (answer.status, answer.json["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.fixture(scope="module")
def short(service):
    """For each scope a key of alpha that has all but that, and but what has them all."""
    return {
        scope: service.key("alpha", *(set(SCOPES) - {scope, ADMIN}))
        for scope in SCOPES
        if scope != ADMIN
    }


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_key_without_the_scope_does_nothing(short, known, operation):
    answer = operation.send(short[operation.scope], known)

    assert (answer.status, answer.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize("operation", OWNED, ids=str)
def test_what_another_workspace_has_is_not_there(alpha, beta, known, operation):
    if operation.method == "GET":
        until(lambda: operation.send(alpha, known).status == 200)

    answer = operation.send(beta, known)

    assert answer.status == 404, answer.body
    assert operation.method != "GET" or operation.send(alpha, known).status == 200


@pytest.mark.parametrize("path", LISTS)
def test_a_listing_of_one_workspace_names_nothing_of_another(alpha, beta, known, path):
    told = alpha.get(path).body.decode()

    assert not [id for id in known.values() if id in beta.get(path).body.decode() and id != "held"]
    assert path.startswith(TOLD_TO_ALL) or any(id in told for id in known.values())


@pytest.mark.parametrize(
    "path", ["/v1/scorings", "/v1/trainings", "/v1/learners", "/v1/simulations"]
)
def test_a_body_that_names_what_another_workspace_has_makes_no_job(beta, known, path):
    told = DESCRIPTION["paths"][path]["post"]["requestBody"]["content"]["application/json"]
    body = {**told["example"], "pool": known["pool_id"]}

    answer = beta.post(path, body)

    assert answer.status == 404, answer.body
    assert beta.get("/v1/jobs").json["jobs"] == []


def test_a_scoring_cannot_use_a_model_or_predictions_of_another_workspace(service, known):
    gamma = service.key("gamma", READ, "write")
    pool = gamma.pool({"items": [{"id": "a", "features": [1, 2]}]}, "application/json")
    for source in ("model", "predictions"):
        body = {"pool": pool, source: known[f"{source}_id"], "acquisitions": [{"name": "margin"}]}

        assert gamma.post("/v1/scorings", body).status == 404


def test_one_idempotency_key_means_two_things_in_two_workspaces(alpha, beta):
    made = [
        client.post("/v1/pools", {"name": "twice"}, Idempotency_Key="k").json["id"]
        for client in (alpha, beta, alpha)
    ]

    assert made[0] == made[2] != made[1]
    assert beta.send("DELETE", f"/v1/pools/{made[1]}").status == 204


def test_the_same_model_in_two_workspaces_is_two(service, alpha, known):
    delta = service.key("delta", ADMIN)
    own = delta.pool(ITEMS, "application/json")
    delta.put(f"/v1/pools/{own}/labels", LABELS)
    assert delta.get(f"/v1/models/{known['model_id']}").status == 404
    trained = {"pool": own, "estimator": {"name": "logistic_regression"}}
    model = delta.finish("/v1/trainings", trained)["result"]["model"]["id"]
    assert delta.send("DELETE", f"/v1/models/{model}").status == 204

    assert alpha.get(f"/v1/models/{known['model_id']}").status == 200
    assert alpha.rankings(known["pool_id"], known["model_id"], "margin")


def test_everything_of_a_workspace_lies_under_its_name(service, known):
    """Nothing of alpha's is at a key or path of another's."""
    url = service.home / "redis" / "socket"
    connection = connect(f"unix://{url}")
    ids = {id for name, id in known.items() if name != "name"}
    keys = {key.decode() for key in connection.keys("*")}
    elsewhere = [key for key in keys if any(id in key for id in ids) and "@alpha:" not in key]
    assert [key for key in elsewhere if not key.startswith("rq:")] == []
    paths = [str(path.relative_to(service.home)) for path in service.home.rglob("*")]
    named = [path for path in paths if any(id in path for id in ids)]
    assert named
    assert all(path.startswith("workspaces/alpha/") for path in named)


def test_only_an_admin_uploads_what_runs_its_senders_code(service):
    modest = service.key("alpha", READ, "write", "models")

    answer = modest.post("/v1/models?format=joblib", b"x", BINARY)

    assert (answer.status, answer.json["code"]) == (403, "forbidden")


def test_a_key_is_rotated_and_revoked_while_the_service_runs(service):
    old = service.key("alpha", READ, more=("--name", "Ann", "--expires", "90d"))
    id = old.key.split("_")[1]
    new = replace(old, key=service.keys("rotate", id, "--keep", "1h").split("\n")[0])
    assert [client.get("/v1/pools").status for client in (old, new)] == [200, 200], "both open"

    service.keys("revoke", id)

    until(lambda: old.get("/v1/pools").status == 401)
    assert new.get("/v1/pools").status == 200
    listed = service.keys("list")
    assert re.search(rf"^{id}\s+revoked\s+alpha\s+read\s.*Ann$", listed, re.MULTILINE)
    assert old.key.split("_", 2)[2] not in listed


def test_no_secret_is_kept_anywhere(service, alpha):
    secret = alpha.key.split("_", 2)[2].encode()
    files = [path for path in service.home.rglob("*") if path.is_file()]

    assert files
    assert not [path for path in files if secret in path.read_bytes()]
