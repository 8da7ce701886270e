"""What the members of a model say of a pool's items, computed in the sandbox, checked and kept."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from service.errors import InvalidOutput, SubjectGone
from service.files import members_name, part_name, predictions_name
from service.ids import pack
from service.operations import jobs, models, pools
from service.records import Job, Model, Part, Pool, new_id
from tests.models import fitted, items_for, saved
from tests.scripted import scripted
from workers import inspection
from workers.prediction import MEMBERS, OWN, PROBS, Subject, predict, predict_all, versions_used
from workers.sandbox.client import Sandbox
from workers.sandbox.starter import ZygoteProcess
from workers.versions import versions_of
from workers.workbench import Workbench

BOTH = frozenset({PROBS, MEMBERS})
ITEMS = items_for("random_forest")[-60:]
ROWS = (25, 0, 35)
GIB = 2**30


@pytest.fixture(scope="module")
def zygote():
    with ZygoteProcess() as started:
        yield started


@pytest.fixture
def bench(backend, zygote):
    """A workbench whose sandbox is a real one."""
    return Workbench(backend, Sandbox(zygote.address, memory=GIB, file_bytes=GIB))


@pytest.fixture
def pool(backend):
    """The items, in three parts."""
    made, start = Pool(id=new_id(), dtype="float64", item_shape=(64,)), 0
    for rows in ROWS:
        part = Part(id=new_id(), job="j", rows=rows, bytes=0, sha256="")
        packed = pack([f"digit {row}" for row in range(start, start + rows)])
        with backend.files.staging("t") as staged:
            np.save(staged / "features.npy", ITEMS[start : start + rows])
            np.save(staged / "ids.npy", packed.blob)
            np.save(staged / "id_ends.npy", packed.ends)
            backend.files.publish(staged, part_name(made.id, part.id))
        made, start = replace(made, parts=(*made.parts, part)), start + rows
    backend.storage.add(made)
    return made


def running(backend, **said):
    """A job that a worker has taken."""
    job = jobs.submit(backend, Job(id=new_id(), task="score", request={}, **said))
    return jobs.claim(backend, job.id, job.ticket)


def taken(bench, content, format="skops"):
    """The model that an artifact is found to be."""
    sha256 = hashlib.sha256(content).hexdigest()
    request = {"sha256": sha256, "bytes": len(content), "format": format, "name": ""}
    job = running(bench.backend, model=sha256)
    (bench.backend.files.root / "uploads" / job.id).write_bytes(content)
    inspection.inspect(bench, replace(job, request=request))
    return models.get(bench.backend, sha256)


@pytest.fixture
def forest(bench):
    return taken(bench, saved(fitted("random_forest"), "skops"))


def subject(bench, pool, model, kinds=OWN):
    return Subject(
        running(bench.backend, pool=pool.id, model=model.id), pool, pool.parts, model, kinds
    )


def kept(bench, pool, model, kind):
    name = {PROBS: predictions_name, MEMBERS: members_name}[kind]
    files = bench.backend.files
    arrays = [files.array(f"{name(model.id, part.id)}/{kind}.npy") for part in pool.parts]
    assert [len(array) for array in arrays] == list(ROWS)
    return np.concatenate(arrays)


def test_the_trees_of_a_forest_are_kept_beside_its_own_probabilities(bench, pool, forest):
    assert forest.members == 10
    asked = subject(bench, pool, forest, BOTH)
    assert predict(bench, asked).document() == {"total": 60, "cached": 0, "predicted": 60}

    found = kept(bench, pool, forest, MEMBERS)
    trees = fitted("random_forest").estimators_
    assert (found == np.stack([tree.predict_proba(ITEMS) for tree in trees], axis=1)).all()
    own = kept(bench, pool, forest, PROBS)
    assert own.tobytes() == fitted("random_forest").predict_proba(ITEMS).tobytes()
    versions = versions_used(bench.backend.files, [asked])
    assert versions == versions_of("skops")
    assert bench.backend.storage.progress(asked.job.id) == (60, 60)


def test_each_kind_is_computed_once_and_when_it_is_first_asked_for(bench, pool, forest):
    steps = [(OWN, 60), (BOTH, 60), (BOTH, 0), (OWN, 0), (frozenset({MEMBERS}), 0)]
    for kinds, predicted in steps:
        work = predict(bench, subject(bench, pool, forest, kinds))
        assert (work.predicted, work.cached) == (predicted, 60 - predicted)


def test_members_may_come_without_the_models_own_probabilities(bench, pool, forest):
    predict(bench, subject(bench, pool, forest, frozenset({MEMBERS})))
    assert len(kept(bench, pool, forest, MEMBERS)) == 60
    first = pool.parts[0].id
    assert not bench.backend.files.exists(predictions_name(forest.id, first))


def test_several_models_are_asked_about_the_same_items(bench, pool, forest):
    other = taken(bench, saved(fitted("extra_trees"), "skops"))
    job = running(bench.backend, pool=pool.id, committee=(forest.id, other.id))
    subjects = [Subject(job, pool, pool.parts, model) for model in (forest, other)]

    predict(bench, replace(subjects[1], parts=pool.parts[:1]))
    work = predict_all(bench, subjects)
    assert (work.total, work.cached, work.predicted) == (60, 0, 60)
    done, total = bench.backend.storage.progress(job.id)
    assert total - 1 <= done <= total == 60  # halves of items are rounded
    assert predict_all(bench, subjects).cached == 60


def test_of_no_models_nothing_is_asked(bench):
    assert predict_all(bench, []).document() == {"total": 0, "cached": 0, "predicted": 0}


def test_one_alone_fails_where_members_are_asked_for(bench, pool):
    tree = taken(bench, saved(fitted("decision_tree"), "skops"))
    assert tree.members is None
    with pytest.raises(InvalidOutput, match="is no committee"):
        predict(bench, subject(bench, pool, tree, BOTH))


def test_a_deleted_pool_takes_along_what_members_said(bench, pool, forest):
    predict(bench, subject(bench, pool, forest, BOTH))
    pools.delete(bench.backend, pool.id)
    assert not list(bench.backend.files.path(f"predictions/{forest.id}").iterdir())


def test_a_deleted_pool_takes_along_what_several_models_said(bench, pool, forest):
    job = running(bench.backend, pool=pool.id, committee=(forest.id,))
    predict(bench, Subject(job, pool, pool.parts, forest, BOTH))
    pools.delete(bench.backend, pool.id)
    assert not list(bench.backend.files.path(f"predictions/{forest.id}").iterdir())


def test_a_deleted_model_takes_along_what_its_members_said(bench, pool, forest):
    predict(bench, subject(bench, pool, forest, BOTH))
    models.delete(bench.backend, forest.id)
    assert not bench.backend.files.exists(f"predictions/{forest.id}")


def test_what_comes_after_its_model_was_deleted_is_not_kept(bench, pool, forest):
    asked = subject(bench, pool, forest, frozenset({MEMBERS}))
    bench.backend.storage.remove(forest)
    with pytest.raises(SubjectGone):
        predict(bench, asked)
    assert not list(bench.backend.files.path(f"predictions/{forest.id}").iterdir())


LIAR = """
class Liar(Scripted):
    def predict_proba(self, items):
        return np.tile([2.0, -1.0], (len(items), 1))

from sklearn.ensemble import VotingClassifier
voting = VotingClassifier([('honest', Scripted()), ('liar', Liar())], voting='soft')
"""


def lying():
    """The joblib file of a soft vote, the second of whose two members gives no probabilities."""
    return scripted("pass", name=f"\n{LIAR.strip()}\nmodel = voting.fit([[0.0], [1.0]], [0, 1])")


def test_a_member_that_gives_no_probabilities_is_named_with_the_item(bench, pool):
    model = taken(bench, lying(), "joblib")
    assert model.members == 2
    with pytest.raises(InvalidOutput, match="member 1 of the model gave for the item 'digit 0'"):
        predict(bench, subject(bench, pool, model, frozenset({MEMBERS})))
    assert not bench.backend.files.exists(members_name(model.id, pool.parts[0].id))


def test_a_model_of_too_many_members_is_scored_with_and_is_no_committee(backend, zygote):
    few = replace(backend, settings=replace(backend.settings, max_members=9))
    bench = Workbench(few, Sandbox(zygote.address, memory=GIB, file_bytes=GIB))
    found = taken(bench, saved(fitted("random_forest"), "skops"))
    assert (found.members, found.probabilities) == (None, True)
    assert found.warnings[0].startswith("The model has 10 members, and a committee has at most 9")


def test_a_model_tells_its_client_how_many_members_it_has(live):
    for name, members in (("random_forest", 10), ("mlp", None)):
        model = live.model(saved(fitted(name), "skops"))
        assert live.get(f"/v1/models/{model}").json["members"] == members


def test_a_model_says_how_many_bytes_its_members_take():
    model = Model(id="m", format="skops", bytes=1, classes=(0, 1, 2), members=500)
    assert model.member_bytes(1_000) == 500 * 1_000 * 3 * 8
    assert replace(model, members=None).member_bytes(1_000) == 0
