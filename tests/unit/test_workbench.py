"""What a job's process is given to open a client's bytes with."""

from dataclasses import replace

import pytest

from service.records import RUNNING, Job, new_id
from workers.workbench import Workbench


class Listener:
    """A stand-in for the sandbox, which only hears how long it may take."""

    def run(self, entry, *, deadline, **_rest):
        del entry
        self.deadline = deadline
        return {}


@pytest.mark.parametrize(
    ("task", "limit"), [("ingest", "upload_timeout"), ("score", "job_timeout")]
)
def test_reading_an_upload_has_a_deadline_of_its_own(backend, tmp_path, task, limit):
    narrow = replace(backend.settings, upload_timeout=7, job_timeout=70)
    bench = Workbench(replace(backend, settings=narrow), Listener())
    job = Job(id=new_id(), task=task, request={}, state=RUNNING)

    bench.open(job, "read", arguments={}, inputs={}, scratch=tmp_path, room=0)

    assert bench.sandbox.deadline == getattr(narrow, limit)
