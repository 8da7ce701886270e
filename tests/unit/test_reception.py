"""Predictions on the trusted side: nothing that the sandbox says or leaves is believed."""

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from service.errors import (
    Cancelled,
    DuplicateItem,
    InvalidOutput,
    SubjectGone,
    TooLarge,
    UploadRefused,
)
from service.files import given_name
from service.given import FORMS, PredictionFiles
from service.ids import pack
from service.operations import jobs, pools, predictions
from service.operations.pools import Upload
from service.records import Predictions, new_id
from tests.unit.test_pools import arrival
from workers.reception import receive
from workers.workbench import Workbench

F4, F8, I4 = np.float32, np.float64, np.int32
PROBS = np.array([[0.9, 0.1], [0.5, 0.5], [0.25, 0.75]], dtype=F4)
MEMBERS = np.stack([PROBS, PROBS[::-1]], axis=1)
ARRAYS = {
    "probs": {"probs": PROBS},
    "members": {"member_probs": MEMBERS},
    "votes": {"votes": np.array([[0, 1], [1, -1], [-1, -1]], dtype=I4)},
    "objects": {
        "values": PROBS,
        "ends": np.array([2, 2, 3]),
        "boxes": np.ones((3, 4), dtype=F4),
        "object_labels": np.array([0, 1, -1], dtype=I4),
    },
    "tokens": {"values": PROBS, "ends": np.array([1, 2, 3])},
    "multilabel": {"label_probs": np.array([[0.9, 0.8], [0.0, 1.0], [0.5, 0.5]])},
    "regression": {"mean": np.array([-1.5, 0.0, 2.0]), "std": np.array([0.0, 1.0, 0.5])},
    "regression_members": {"member_values": np.array([[1, 2], [3, 4], [5, 6]], dtype=F4)},
}
"""What a reader leaves of three items, two classes and two members, by kind."""


def said(kind, **said):
    """What a reader says of those."""
    form = FORMS[kind]
    return {
        "kind": kind,
        "items": 3,
        "numbered": True,
        "classes": ["bus", "tram"] if form.classed else [],
        "members": 2 if form.has_members else None,
        "dtype": ARRAYS[kind][form.arrays[0]].dtype.name,
        "rows": 3 if "ends" in form.arrays else 0,
        "empty": 0,
    } | said


@dataclass
class Reader:
    """A stand-in for the sandbox: it leaves what it is told to leave, and says what it is told."""

    said: dict
    arrays: dict
    ids: tuple | None = None
    meanwhile: object = None

    def run(self, entry, *, arguments, inputs, scratch, **_rest):
        assert entry == "read_predictions"
        self.arguments, self.inputs = arguments, inputs
        for name, array in self.arrays.items():
            np.save(scratch / f"{name}.npy", array)
        if self.ids is not None:
            packed = pack(self.ids)
            packed.blob.tofile(scratch / "ids.bin")
            np.save(scratch / "id_ends.npy", packed.ends)
        if self.meanwhile is not None:
            self.meanwhile()
        return self.said


@pytest.fixture
def pool(backend):
    made = pools.create(backend, "p")
    pools.append(backend, made.id, arrival(backend, made, "a", "b", "c"))
    return pools.get(backend, made.id)


@pytest.fixture
def begun(backend, pool):
    """A job that a worker has begun; give the kind of the predictions."""

    def begin(kind, media_type="application/json"):
        upload = Upload(media_type, 11, "5" * 64, {"kind": kind, "id_column": "key"})
        job = predictions.start_reception(backend, pool.id, upload, job_id=new_id(), name="n")
        return jobs.claim(backend, job.id, job.ticket)

    return begin


@pytest.fixture
def take(backend, begun):
    """Take in what a reader makes; give the kind, what it leaves and what it says instead."""

    def taken(kind, ids=None, *, job=None, meanwhile=None, arrays=None, **instead):
        job = job or begun(kind)
        words = said(kind, **({"numbered": False} if ids else {}), **instead)
        reader = Reader(words, ARRAYS[kind] | (arrays or {}), ids, meanwhile)
        result = receive(Workbench(backend, reader), job)
        record = backend.storage.get(Predictions, result["predictions"])
        return SimpleNamespace(
            result=result,
            record=record,
            files=PredictionFiles(backend.files, record),
            reader=reader,
            job=job,
        )

    return taken


def left(backend, pool):
    """What there is of predictions: records, files published and files half-way."""
    found = backend.files.path(f"pools/{pool.id}/predictions")
    published = [path.name for path in found.iterdir()] if found.exists() else []
    staged = [*(backend.files.root / "staging").iterdir()]
    return backend.storage.indexed(Predictions, f"pool:{pool.id}"), published, staged


NOTHING = ([], [], [])


@pytest.mark.parametrize("kind", FORMS)
def test_every_kind_is_published_and_remembered(take, pool, kind):
    taken = take(kind)

    for name, array in ARRAYS[kind].items():
        np.testing.assert_array_equal(taken.files.array(name), array)
    record = taken.record
    assert (record.form, record.pool, record.job, record.name) == (kind, pool.id, taken.job.id, "n")
    assert (record.items, record.total, record.parts) == (3, 3, (pool.parts[0].id,))
    assert (record.bytes, record.sha256) == (11, "5" * 64)
    assert record.empty == (1 if kind == "objects" else 0)
    assert taken.result == {
        "predictions": record.id,
        "kind": kind,
        "items": 3,
        "classes": list(record.classes),
        "members": record.members,
    }
    assert taken.files.places(0, 3) is None


def test_the_reader_is_told_what_it_must_know(take, backend):
    arguments = take("probs").reader.arguments

    assert arguments["media_type"] == "application/json"
    assert arguments["options"] == {"kind": "probs", "id_column": "key"}
    settings = backend.settings
    assert arguments["limits"]["max_items"] == settings.max_pool_items
    for name in ("max_item_values", "max_id_bytes", "max_classes", "max_members"):
        assert arguments["limits"][name] == getattr(settings, name)


def test_what_need_not_be_there_is_told_apart(take):
    plain = {name: ARRAYS["objects"][name] for name in ("values", "ends")}

    assert take("objects").files.has("boxes")
    assert not take("tokens", arrays=plain).files.has("boxes")


def test_items_are_found_by_their_ids(take):
    taken = take("probs", ids=("c", "a", "b"))

    assert taken.files.places(0, 3).tolist() == [1, 2, 0]
    assert taken.files.places(1, 2).tolist() == [2]


def test_ids_in_pool_order_need_no_places(take):
    taken = take("probs", ids=("a", "b", "c"))

    assert taken.record.whole
    assert not taken.files.has("places")
    assert taken.files.places(0, 3) is None


def test_items_without_predictions_have_no_place(take):
    taken = take("probs", ids=("c",), items=1, arrays={"probs": PROBS[:1]})

    assert (taken.record.items, taken.record.total) == (1, 3)
    assert taken.files.places(0, 3).tolist() == [-1, -1, 0]


def test_predictions_that_are_deleted_while_they_are_read_are_missed(take, backend, pool):
    taken = take("probs", ids=("c", "a", "b"))
    assert taken.files.places(0, 3).tolist() == [1, 2, 0]
    predictions.delete(backend, pool.id, taken.record.id)

    with pytest.raises(SubjectGone):
        taken.files.places(0, 3)
    with pytest.raises(SubjectGone):
        taken.files.array("probs")


def test_an_upload_of_nothing_is_taken(take):
    taken = take("probs", ids=(), numbered=False, items=0, arrays={"probs": PROBS[:0]})

    assert taken.record.items == 0
    assert taken.files.places(0, 3).tolist() == [-1, -1, -1]


def test_items_that_came_later_have_no_place(take, backend, pool, begun):
    job = begun("probs")
    pools.append(backend, pool.id, arrival(backend, pool, "d", "e", job="k"))

    taken = take("probs", job=job)

    assert (taken.record.total, len(taken.record.parts)) == (3, 1)
    assert taken.files.places(0, 3) is None
    assert taken.files.places(1, 5).tolist() == [1, 2, -1, -1]
    assert taken.files.places(4, 5).tolist() == [-1]
    with pytest.raises(UploadRefused, match="3 items, and the pool has 5"):
        take("probs")
    some = take("probs", ids=("e", "b"), items=2, arrays={"probs": PROBS[:2]})
    assert some.files.places(0, 5).tolist() == [-1, 1, -1, -1, 0]
    assert some.files.places(3, 7).tolist() == [-1, 0, -1, -1]


def test_an_item_that_the_pool_does_not_know_is_named_with_its_place(take, backend, pool):
    with pytest.raises(UploadRefused, match="'x'") as raised:
        take("probs", ids=("a", "x", "y"))

    assert raised.value.faults[0].pointer == "/items/1/id"
    assert left(backend, pool) == NOTHING


def test_an_item_that_is_predicted_twice_is_named_with_both_places(take, backend, pool):
    with pytest.raises(DuplicateItem, match="'b'") as raised:
        take("probs", ids=("b", "a", "b"))

    [fault] = raised.value.faults
    assert (fault.pointer, fault.detail) == ("/items/2/id", "'b' stands also at /items/0/id")
    assert left(backend, pool) == NOTHING


@pytest.mark.parametrize(
    ("media_type", "place"),
    [
        ("Application/JSON; charset=utf-8", "/items/1/id"),
        ("application/x-ndjson", "line 2, /id"),
        ("text/csv", 'item 1, counted from 0, column "key"'),
        ("application/vnd.apache.parquet", 'row 2, column "key"'),
        ("application/vnd.apache.arrow.stream", 'row 2, column "key"'),
        ("application/x-npz", "/ids/1"),
        ("multipart/form-data; boundary=x", "/ids/1"),
    ],
)
def test_the_place_of_an_id_is_told_in_the_words_of_the_format(take, begun, media_type, place):
    with pytest.raises(UploadRefused) as raised:
        take("probs", ids=("a", "x", "y"), job=begun("probs", media_type))

    assert raised.value.faults[0].pointer == place


def test_items_without_ids_must_be_as_many_as_the_pool_has(take, backend, pool):
    with pytest.raises(UploadRefused, match="2 items, and the pool has 3") as raised:
        take("probs", items=2, arrays={"probs": PROBS[:2]})

    assert raised.value.faults[0].pointer == "/ids"
    assert left(backend, pool) == NOTHING


def test_members_that_are_as_many_as_the_items_should_be_are_told_of_axes(take):
    members = np.concatenate([MEMBERS[:2], MEMBERS[:2, :1]], axis=1)

    with pytest.raises(UploadRefused, match=r"2 items, and the pool has 3: .* mend axes"):
        take("members", items=2, members=3, arrays={"member_probs": members})


def changed(array, place, value):
    array = np.array(array)
    array[place] = value
    return array


UNSOUND = [
    ("probs", "probs", PROBS[:2]),
    ("probs", "probs", PROBS[:, :1]),
    ("probs", "probs", PROBS.astype(F8)),
    ("probs", "probs", PROBS.astype(">f4")),
    ("probs", "probs", np.asfortranarray(PROBS)),
    ("probs", "probs", np.zeros((3, 2), dtype=np.complex64)),
    ("members", "member_probs", MEMBERS[:, :1]),
    ("members", "member_probs", MEMBERS.transpose(0, 2, 1)[:, :, :1]),
    ("votes", "votes", ARRAYS["votes"]["votes"].astype(np.int64)),
    ("objects", "ends", np.array([2, 1, 3])),
    ("objects", "ends", np.array([1, 2, 2])),
    ("objects", "ends", np.array([1, 2, 4])),
    ("objects", "ends", np.array([-1, 2, 3])),
    ("objects", "ends", np.array([1, 3])),
    ("objects", "ends", np.array([1, 2, 3], dtype=I4)),
    ("objects", "boxes", np.ones((2, 4), dtype=F4)),
    ("objects", "object_labels", np.zeros(2, dtype=I4)),
    ("regression", "std", np.ones((3, 1))),
    ("regression", "std", np.ones(3, dtype=np.int32)),
    ("regression_members", "member_values", np.ones((2, 3), dtype=F4)),
]


@pytest.mark.parametrize("case", UNSOUND)
def test_an_array_that_is_not_as_it_was_described_is_not_used(take, backend, pool, case):
    kind, name, array = case

    with pytest.raises(InvalidOutput, match="not what the reader said"):
        take(kind, arrays={name: array})

    assert left(backend, pool) == NOTHING


IMPOSSIBLE = [
    ("probs", "probs", (1, 0), np.nan, 1),
    ("probs", "probs", (1, 0), np.inf, 1),
    ("probs", "probs", (1, slice(None)), [np.inf, -np.inf], 1),
    ("probs", "probs", (2, slice(None)), [-0.001, 1.001], 2),
    ("probs", "probs", (0, 0), 0.902, 0),
    ("members", "member_probs", (2, 1, 0), 0.5, 2),
    ("members", "member_probs", (1, 0, 0), np.nan, 1),
    ("votes", "votes", (2, 1), 2, 2),
    ("votes", "votes", (1, 0), -2, 1),
    ("objects", "values", (1, 0), 0.6, 0),
    ("objects", "values", (2, 0), np.nan, 2),
    ("objects", "boxes", (2, 3), np.inf, 2),
    ("objects", "object_labels", 1, 2, 0),
    ("tokens", "values", (1, 0), 0.6, 1),
    ("multilabel", "label_probs", (1, 1), 1.01, 1),
    ("multilabel", "label_probs", (1, 1), np.nan, 1),
    ("regression", "mean", 2, np.nan, 2),
    ("regression", "std", 1, -0.5, 1),
    ("regression", "std", 1, np.inf, 1),
    ("regression_members", "member_values", (2, 0), -np.inf, 2),
]


@pytest.mark.parametrize("case", IMPOSSIBLE)
@pytest.mark.parametrize("ids", [None, ("c", "b", "a")])
def test_a_value_that_cannot_be_is_refused_and_its_item_named(take, backend, pool, case, ids):
    kind, name, place, value, item = case
    wrong = changed(ARRAYS[kind][name], place, value)

    with pytest.raises(UploadRefused, match=repr((ids or "abc")[item])) as raised:
        take(kind, ids=ids, arrays={name: wrong})

    assert raised.value.faults[0].pointer == f"/items/{item}/{name}"
    assert left(backend, pool) == NOTHING


def test_sums_are_looked_at_to_the_last_block(take, backend, monkeypatch):
    monkeypatch.setattr("workers.verification.BLOCK_VALUES", 2)

    take("members")
    with pytest.raises(UploadRefused, match="'c'"):
        take("members", arrays={"member_probs": changed(MEMBERS, (2, 1, 1), 0.2)})


def test_rounding_errors_are_taken(take):
    close = np.array([[0.9, 0.1009], [1 + 1e-7, -1e-7], [0.2501, 0.75]])

    assert take("probs", arrays={"probs": close}, dtype="float64").record.dtype == "float64"
    halves = PROBS.astype(np.float16)
    assert take("probs", arrays={"probs": halves}, dtype="float16").record.dtype == "float16"


@pytest.mark.parametrize(
    "instead",
    [
        {"items": -1},
        {"items": "many"},
        {"items": 1e999},
        {"items": None},
        {"classes": 2},
        {"classes": ["bus"]},
        {"members": 2},
        {"rows": -3},
        {"dtype": "float64"},
    ],
)
def test_a_description_that_cannot_be_is_not_believed(take, backend, pool, instead):
    with pytest.raises((InvalidOutput, UploadRefused)):
        take("probs", **instead)

    assert left(backend, pool) == NOTHING


def test_another_kind_than_was_asked_for_is_not_believed(backend, pool, begun):
    with pytest.raises(InvalidOutput):
        receive(Workbench(backend, Reader(said("votes"), ARRAYS["votes"])), begun("probs"))

    assert left(backend, pool) == NOTHING


@pytest.mark.parametrize("classes", [["bus", "bus"], ["bus", None], ["bus", "\ud800"]])
def test_classes_that_could_not_be_told_are_refused(take, classes):
    with pytest.raises(UploadRefused) as raised:
        take("probs", classes=classes)

    assert raised.value.faults[0].pointer == "/classes"


@pytest.mark.parametrize(
    ("blob", "ends"),
    [
        (b"abc", [1, 2]),
        (b"abc", [1, 1, 3]),
        (b"abc", [1, 2, 4]),
        (b"abc", [2, 1, 3]),
        (b"a\xffc", [1, 2, 3]),
    ],
)
def test_ids_that_are_not_as_they_were_described_are_not_used(backend, pool, begun, blob, ends):
    class Forger(Reader):
        def run(self, entry, *, scratch, **rest):
            (scratch / "ids.bin").write_bytes(blob)
            np.save(scratch / "id_ends.npy", np.array(ends))
            return super().run(entry, scratch=scratch, **rest)

    reader = Forger(said("probs", numbered=False), ARRAYS["probs"])
    with pytest.raises(InvalidOutput):
        receive(Workbench(backend, reader), begun("probs"))

    assert left(backend, pool) == NOTHING


def test_an_array_that_was_promised_and_is_not_there_is_missed(backend, pool, begun):
    reader = Reader(said("regression"), {"mean": np.ones(3)})

    with pytest.raises(InvalidOutput, match=r"std\.npy"):
        receive(Workbench(backend, reader), begun("regression"))


def test_a_pool_that_is_deleted_meanwhile_keeps_nothing(take, backend, pool, begun):
    job = begun("probs")

    def delete():
        backend.storage.replace(pool, marked := replace(pool, deleted=True))
        for record in backend.storage.indexed(Predictions, f"pool:{pool.id}"):
            backend.storage.remove(record)
        backend.files.remove(f"pools/{pool.id}")
        backend.storage.remove(marked)

    with pytest.raises(SubjectGone):
        take("probs", job=job, meanwhile=delete)

    assert left(backend, pool) == NOTHING
    assert not backend.files.exists(f"pools/{pool.id}")
    with pytest.raises(SubjectGone):
        take("probs", job=job)


def test_predictions_of_a_job_that_is_cancelled_are_not_kept(take, backend, pool, begun):
    job = begun("probs")

    with pytest.raises(Cancelled):
        take("probs", job=job, meanwhile=lambda: jobs.cancel(backend, job.id))

    assert left(backend, pool) == NOTHING


def test_a_second_attempt_leaves_no_second_predictions(take, backend, pool):
    first = take("probs")
    jobs.lose(backend, first.job.id, first.job.ticket)
    again = jobs.get(backend, first.job.id)
    job = jobs.claim(backend, again.id, again.ticket)

    second = take("probs", job=job)

    assert job.attempts == 2
    assert second.record == first.record
    records, published, staged = left(backend, pool)
    assert (records, published, staged) == ([first.record], [first.record.id], [])


def test_a_second_attempt_forgets_what_the_first_did_not_finish(take, backend, pool, begun):
    first = begun("probs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "enter", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            take("probs", job=first)
    _, [published], _ = left(backend, pool)
    jobs.lose(backend, first.id, first.ticket)
    again = jobs.get(backend, first.id)
    job = jobs.claim(backend, again.id, again.ticket)

    with pytest.raises(UploadRefused):
        take("probs", job=job, ids=("a", "b", "x"))

    assert left(backend, pool) == NOTHING
    assert published
    assert not backend.files.exists(given_name(pool.id, published))


def test_an_attempt_that_was_replaced_enters_nothing(take, backend, pool, begun):
    job = begun("probs")
    other = replace(job, attempts=2)

    with pytest.raises(Cancelled):
        take("probs", job=job, meanwhile=lambda: backend.storage.replace(job, other))

    assert left(backend, pool) == NOTHING


def test_a_pool_that_got_too_many_meanwhile_refuses_one_more(take, backend, pool, begun):
    narrow = replace(backend, settings=replace(backend.settings, max_predictions=1))
    job = begun("probs")
    kept = take("probs").record

    with pytest.raises(TooLarge, match="max_predictions"):
        receive(Workbench(narrow, Reader(said("probs"), ARRAYS["probs"])), job)

    assert left(backend, pool) == ([kept], [kept.id], [])
