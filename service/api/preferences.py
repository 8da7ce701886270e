"""`Prefer: wait=n`: a request that waits a while for its job, as long as there are threads left."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Request, Response, current_app

from service.api.blueprint import backend, dumped
from service.api.slots import WAITERS
from service.operations import job_views, jobs
from service.operations.job_views import JobView
from service.problems import from_problem
from service.records import FAILED, Job
from service.schemas.jobs import POLL_AFTER, JobSchema


def wished_wait(preference: str, longest: int) -> int | None:
    """Return the seconds that a request prefers to wait, capped, or None."""
    found = re.search(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,9})", preference)
    return None if found is None else min(int(found[1]), longest)


def awaited(request: Request, job: Job) -> tuple[Job, int | None]:
    """Return the job after the wait that the request prefers, and the seconds granted.

    Where too many requests wait already the answer comes at once, and the client polls.
    """
    with granted(request) as seconds:
        return (job if seconds is None else jobs.wait(backend(), job, seconds)), seconds


@contextmanager
def granted(request: Request) -> Iterator[int | None]:
    """Give the seconds that a request may wait, None where it does not wish to or too many do."""
    seconds = wished_wait(request.headers.get("Prefer", ""), backend().settings.max_wait)
    semaphore: threading.BoundedSemaphore = current_app.extensions[WAITERS]
    if seconds is None or not semaphore.acquire(blocking=False):
        yield None
        return
    try:
        yield seconds
    finally:
        semaphore.release()


def answer_submitted(request: Request, submitted: Job) -> Response:
    """Return a job just made: 202 while it goes on, 201 when done, its own problem when failed."""
    job, seconds = awaited(request, submitted)
    if job.state == FAILED and job.error:
        error = from_problem(job.error)
        error.instance = error.headers["Location"] = location_of(job)
        raise error
    response = answer_job(job, status=201 if job.is_final else 202)
    response.headers["Location"] = location_of(job)
    return applied(response, seconds)


def answer_polled(request: Request, id: str) -> Response:
    """Return a job as it is, or as it is after the wait that the request prefers."""
    found = job_views.poll(backend(), id)
    if "Prefer" not in request.headers:
        return answer_view(found, status=200)
    job, seconds = awaited(request, found.job)
    return applied(answer_job(job, status=200), seconds)


def answer_job(job: Job, *, status: int) -> Response:
    """Return a job, with how far it has come, and when to ask again."""
    return answer_view(job_views.view(backend(), job), status=status)


def answer_view(view: JobView, *, status: int) -> Response:
    """Return a job as it was seen, and when to ask again."""
    response = dumped(JobSchema, view, status)
    if not view.job.is_final:
        response.headers["Retry-After"] = str(POLL_AFTER)
    return response


def applied(response: Response, seconds: int | None) -> Response:
    """Return the answer with the preference that was granted."""
    if seconds is not None:
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def location_of(job: Job) -> str:
    """Return where a job is found."""
    return f"/v1/jobs/{job.id}"
