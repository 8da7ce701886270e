"""What an answer, and a log, tell beyond what was asked for: nothing."""

import logging
import re

import pytest

from service.api import pools as resource
from service.app import create_app
from service.backend import backend_on
from service.settings import Settings

SECRET = "the-key-of-somebody"  # noqa: S105 - a test's own
FORBIDDEN = re.compile(r"Traceback|File \"|\.py\b|/work|/home|site-packages|Python|Flask|granian")


@pytest.fixture
def client(connection, tmp_path):
    backend = backend_on(connection, Settings(data_dir=tmp_path, api_key=SECRET))
    found = create_app(backend=backend).test_client()
    found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {SECRET}"
    return found


@pytest.fixture
def broken(client, monkeypatch):
    """A client of a service with a mistake in it."""

    def fail(*_, **__):
        raise RuntimeError(f"a mistake near {__file__} with {SECRET}")

    monkeypatch.setattr(resource.pools, "create", fail)
    return client


@pytest.mark.parametrize(
    "path", ["/v1/pools", "/v1/pools/nope", "/livez", "/nope", "/openapi.json"]
)
def test_no_browser_runs_or_frames_an_answer(client, path):
    headers = client.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_docs_may_not_be_framed(client):
    assert "frame-ancestors 'none'" in client.get("/docs").headers["Content-Security-Policy"]


def test_what_a_key_reads_is_kept_by_no_shared_cache(client):
    assert "private" in client.get("/v1/pools").headers["Cache-Control"]


def test_a_clients_markup_comes_back_as_json_alone(client):
    made = client.post("/v1/pools", json={"name": "<script>alert(1)</script>"})

    assert made.content_type == "application/json"


def test_a_mistake_of_ours_tells_nothing_of_itself(broken):
    answer = broken.post("/v1/pools", json={"name": "x"})

    assert (answer.status_code, answer.json["code"]) == (500, "internal_error")
    assert not FORBIDDEN.search(answer.text)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("path", "body", "type"),
    [
        ("/v1/pools", b'{"name": ', "application/json"),
        ("/v1/pools", b'{"nome": "hush-hush"}', "application/json"),
        ("/v1/pools/nope/items", b"hush-hush", "application/x-npy"),
        ("/v1/models?format=joblib", b"hush-hush", "application/octet-stream"),
        ("/v1/scorings", b'{"pool": "hush-hush", "acquisitions": []}', "application/json"),
    ],
)
def test_no_log_has_a_body_or_a_key(client, caplog, path, body, type):
    caplog.set_level(logging.DEBUG)

    answer = client.post(path, data=body, content_type=type)

    assert 400 <= answer.status_code < 500
    assert not FORBIDDEN.search(answer.text)
    assert "hush-hush" not in caplog.text
    assert SECRET not in caplog.text
