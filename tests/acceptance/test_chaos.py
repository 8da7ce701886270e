"""The short campaign of tests/chaos: a seeded one, and how what it found is put right."""

from tests.chaos.campaign import campaign


def test_nothing_is_lost_however_processes_are_killed(tmp_path):
    outcome = campaign(tmp_path, kills=12, seed=6, actors=2, rows=5_000, pause=0.3, patience=1)
    assert outcome.ledger.wrong == []
    assert outcome.killer.kills.total() == 12
    assert outcome.audit.counts["parts there"]
    assert outcome.audit.counts["labels there"]
    assert outcome.audit.counts["rankings whole"]
