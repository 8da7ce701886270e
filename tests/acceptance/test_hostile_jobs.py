"""A model that crashes, hangs or eats memory ends its own job with that reason, and no other."""

import pytest

from tests.conftest import installation
from tests.scripted import scripted, shares_pool

MEBIBYTE = 1024**2
ROWS = 100


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    settings = {"workers": 1, "job_timeout": 3, "sandbox_memory": 512 * MEBIBYTE}
    with installation(tmp_path_factory.mktemp("data"), allow_joblib="true", **settings) as running:
        yield running[0]


@pytest.fixture(scope="module")
def pool(client):
    return shares_pool(client, ROWS)


def scored(client, pool, deed, name=""):
    """The job of a model that does the deed, once it has ended."""
    model = client.model(scripted(deed, name), "joblib")
    body = {"pool": pool, "model": model, "acquisitions": [{"name": "entropy"}]}
    return client.ended(client.post("/v1/scorings", body).json["id"])


DEEDS = {
    "reads where nothing is": ("ctypes.string_at(0)", "crashed"),
    "ends its process": ("os._exit(0)", "crashed"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL)", None),
    "raises what nobody expects": ("raise SystemExit(3)", "crashed"),
    "recurses without end": ("return self.predict_proba(items)", "invalid_output"),
    "sleeps for ever": ("time.sleep(1e6)", "timeout"),
    "computes for ever": ("while True: pass", "timeout"),
    "asks for too much memory": ("np.ones(10**9)", "out_of_memory"),
    "eats memory bit by bit": ("eaten = [bytes(10**6) for _ in range(10**6)]", "out_of_memory"),
    "gives nonsense": ("return np.full((len(items), 2), 0.7)", "invalid_output"),
    "gives nothing": ("return None", "invalid_output"),
    "gives what is no number": ("return np.full((len(items), 2), np.nan)", "invalid_output"),
}


@pytest.mark.parametrize(("deed", "reason"), DEEDS.values(), ids=DEEDS)
def test_a_model_that_does_harm_ends_its_own_job_only(client, pool, deed, reason):
    job = scored(client, pool, deed)
    assert (job["state"], job["attempts"]) == ("failed", 1), job
    assert job["reason"] in ([reason] if reason else ["crashed", "out_of_memory"]), job
    assert job["error"]["detail"]
    assert scored(client, pool, "pass", name=deed)["state"] == "succeeded"


def test_a_model_that_does_harm_when_it_is_opened_is_refused(client, pool):
    for deed, reason in (("ctypes.string_at(0)", "crashed"), ("np.ones(10**9)", "out_of_memory")):
        answer = client.post("/v1/models?format=joblib", harmful(deed), "application/octet-stream")
        job = client.ended(answer.json["id"])
        assert (job["state"], job["reason"]) == ("failed", reason), job
    assert scored(client, pool, "pass", name="after all")["state"] == "succeeded"


def harmful(deed):
    """A file that does the deed when it is opened."""
    return scripted(f"pass\n\n{deed}\n\nif True:\n    def nothing():\n        pass")
