"""What the storage of labels promises, on a real Redis."""

from service.records import LABELLED
from tests.contracts.test_storage import members


def test_labels_are_set_changed_and_removed_by_row(labels, backend):
    labels.put("p", {3: '"cat"', 9: "1"})
    labels.put("p", {3: '"dog"', 9: None, 12: "true"})

    assert labels.read("p", [0, 3, 9, 12]) == [None, '"dog"', None, "true"]
    assert labels.read("p", []) == []
    assert {3, 12} == members(backend.storage.bits("p", LABELLED))

    labels.clear("p")
    assert labels.read("p", [3]) == [None]
    assert set() == members(backend.storage.bits("p", LABELLED))
