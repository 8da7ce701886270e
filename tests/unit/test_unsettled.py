"""Files without a record: those that were noted go in time, and no others ever do."""

import pytest

from service.files import model_name, part_name, predictions_name, ranking_name
from service.operations import models, pools, rankings, unsettled
from service.records import Model, Ranking, Unsettled, new_id
from tests.learning import model_of
from tests.leasing import pool_of, ranking_of

HOUR = 3_600


def publish(backend, name):
    with backend.files.staging("t") as staged:
        (staged / "file").write_text("content")
        backend.files.publish(staged, name)


@pytest.fixture
def pool(backend):
    return pool_of(backend, ["a", "b"])


def test_files_whose_record_never_came_go_once_their_note_is_old(backend, pool):
    names = [
        ranking_name(new_id()),
        model_name(new_id()),
        f"simulations/{new_id()}",
        part_name(pool, new_id()),
        f"pools/{pool}/predictions/{new_id()}",
        part_name(new_id(), new_id()),
        predictions_name(new_id(), new_id()),
    ]
    unsettled.note(backend, *names, pool=pool)
    for name in names:
        publish(backend, name)

    unsettled.settle(backend, HOUR)
    assert all(map(backend.files.exists, names))

    unsettled.settle(backend, -1)
    assert not any(map(backend.files.exists, names))
    assert backend.storage.page(Unsettled, None, 10) == ([], None)


def test_files_with_a_record_stay(backend, pool):
    ranking, model = ranking_of(backend, pool, [1, 2]), model_of(backend, pool, [[0.5], [0.5]])
    [part] = pools.get(backend, pool).parts
    names = [ranking_name(ranking), part_name(pool, part.id), predictions_name(model, part.id)]
    publish(backend, part_name(pool, part.id))
    unsettled.note(backend, *names, model_name(model), pool=pool)

    unsettled.settle(backend, -1)

    assert all(map(backend.files.exists, names))


def test_what_was_not_noted_stays_whatever_records_say(backend):
    name = ranking_name(new_id())
    publish(backend, name)

    unsettled.settle(backend, -1)

    assert backend.files.exists(name)


def test_what_is_being_made_again_stays(backend):
    name = ranking_name(new_id())
    publish(backend, name)
    unsettled.note(backend, name)
    [old], _ = backend.storage.page(Unsettled, None, 10)
    backend.storage.remove(old)
    backend.storage.add(Unsettled(id=old.id, names=old.names, created_at="2020"))
    unsettled.note(backend, name)

    unsettled.settle(backend, HOUR)

    assert backend.files.exists(name)


def test_a_deletion_whose_process_died_is_completed(backend, pool, monkeypatch):
    ranking, model = ranking_of(backend, pool, [1, 2]), model_of(backend, pool, [[0.5], [0.5]])
    [part] = pools.get(backend, pool).parts
    names = [ranking_name(ranking), predictions_name(model, part.id)]

    def die(*_):
        raise SystemExit

    with monkeypatch.context() as dying:
        dying.setattr(backend.files, "remove", die)
        for delete, id in ((rankings.delete, ranking), (models.delete, model)):
            with pytest.raises(SystemExit):
                delete(backend, id)
    assert backend.storage.get(Ranking, ranking) is None
    assert backend.storage.get(Model, model) is None
    assert all(map(backend.files.exists, names))

    unsettled.settle(backend, -1)

    assert not any(map(backend.files.exists, names))
