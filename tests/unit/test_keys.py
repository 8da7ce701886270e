"""Keys: what opens, what no longer does, and that nothing opens because keys have ended."""

from datetime import timedelta

import pytest

from service.api.access import SECONDS_BELIEVED
from service.app import create_app
from service.backend import backend_on
from service.errors import InvalidRequest, NotFound
from service.operations import keys
from service.processes import webserver
from service.processes.children import CannotStart
from service.records import ADMIN, READ, WRITE, Pool
from service.settings import Settings
from tests.conftest import until

HOUR = timedelta(hours=1)


def status(client, text):
    headers = {"Authorization": f"Bearer {text}"} if text else {}
    return client.get("/v1/pools", headers=headers).status_code


def test_a_key_opens_with_its_whole_text_only(client, backend):
    _, text = keys.make(backend.keys, scopes=[READ])
    _, other = keys.make(backend.keys, scopes=[READ])
    mixed = f"{text.rpartition('_')[0]}_{other.split('_', 2)[2]}"

    assert status(client, text) == 200
    for wrong in ("", text[:-1], f"{text}x", mixed, text.upper(), text.replace("sl_", "xx_", 1)):
        assert status(client, wrong) == 401


@pytest.mark.parametrize("ending", ["revoked", "expired"])
def test_a_service_whose_last_key_has_ended_stays_closed(client, backend, ending):
    lasts = timedelta(seconds=-1) if ending == "expired" else None
    key, text = keys.make(backend.keys, scopes=[ADMIN], lasts=lasts)
    if ending == "revoked":
        keys.revoke(backend.keys, key.id)

    assert keys.get(backend.keys, key.id).state == ending
    assert (status(client, text), status(client, "")) == (401, 401)


def test_the_first_key_closes_what_was_open(client, backend):
    assert status(client, "") == 200
    keys.make(backend.keys, scopes=[READ])

    until(lambda: status(client, "") == 401, patience=10 * SECONDS_BELIEVED)


def test_a_key_leads_to_its_workspace_also_where_the_service_was_open_a_moment_ago(client, backend):
    assert status(client, "") == 200
    _, text = keys.make(backend.keys, scopes=[READ, WRITE], workspace="team")

    made = client.post("/v1/pools", json={"name": "x"}, headers={"Authorization": f"Bearer {text}"})

    assert backend.within("team").storage.get(Pool, made.json["id"])


def test_both_keys_of_a_rotation_open_until_the_old_one_ends(client, backend):
    old, first = keys.make(backend.keys, scopes=[READ], workspace="team", name="Ann")
    new, second = keys.rotate(backend.keys, old.id, keeps=HOUR)

    assert (new.workspace, new.scopes, new.name) == (old.workspace, old.scopes, old.name)
    assert (status(client, first), status(client, second)) == (200, 200)

    keys.rotate(backend.keys, new.id, keeps=timedelta(0))
    until(lambda: status(client, second) == 401, patience=10 * SECONDS_BELIEVED)
    with pytest.raises(NotFound, match="expired"):
        keys.rotate(backend.keys, new.id, keeps=HOUR)


def test_a_rotation_lets_no_key_live_longer_than_it_would_have(backend):
    old, _ = keys.make(backend.keys, scopes=[READ], lasts=HOUR)
    keys.rotate(backend.keys, old.id, keeps=2 * HOUR)

    assert keys.get(backend.keys, old.id).expires_at == old.expires_at


@pytest.mark.parametrize(
    "said",
    [
        {"scopes": []},
        {"scopes": ["root"]},
        {"scopes": [READ], "workspace": ""},
        {"scopes": [READ], "workspace": "Team"},
        {"scopes": [READ], "workspace": "a_b"},
        {"scopes": [READ], "workspace": "../x"},
        {"scopes": [READ], "workspace": "-x"},
        {"scopes": [READ], "workspace": "x" * 64},
        {"scopes": [READ], "name": "a\nb"},
        {"scopes": [READ], "name": "x" * 101},
    ],
)
def test_what_no_key_can_have_is_refused(backend, said):
    with pytest.raises(InvalidRequest):
        keys.make(backend.keys, **said)

    assert backend.keys.all() == []


def test_the_operators_own_key_is_good_for_all_beside_others(connection, tmp_path):
    backend = backend_on(connection, Settings(data_dir=tmp_path, api_key="own"))
    client = create_app(backend=backend).test_client()
    _, text = keys.make(backend.keys, scopes=[WRITE], workspace="team")

    assert (status(client, "own"), status(client, text)) == (200, 403)


def test_without_keys_only_loopback_is_open(connection, tmp_path):
    backend = backend_on(connection, Settings(data_dir=tmp_path, host="0.0.0.0"))  # noqa: S104

    assert status(create_app(backend=backend).test_client(), "") == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_beyond_loopback_nothing_starts_without_a_live_key(redis_url, backend, host, tmp_path):
    settings = Settings(data_dir=tmp_path, host=host, redis_url=redis_url)
    key, _ = keys.make(backend.keys, scopes=[READ], lasts=timedelta(0))
    with pytest.raises(CannotStart, match="shortlist keys create"):
        webserver.check_keys(settings)

    keys.make(backend.keys, scopes=key.scopes)

    webserver.check_keys(settings)
