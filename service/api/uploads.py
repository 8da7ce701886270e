"""A body that a worker will read: kept where its job will look for it, once for each key."""

from collections.abc import Callable

from flask import Request, Response

from service.api.blueprint import backend
from service.api.bodies import Received, receive
from service.api.idempotency import once
from service.api.preferences import answer_submitted
from service.api.slots import UPLOADS, slot
from service.files import upload_name
from service.operations import jobs
from service.records import Job, new_id


def answer_upload(request: Request, start: Callable[[Received, str], Job]) -> Response:
    """Keep the body of a request, start the job that reads it, and return the job.

    `start` gets what was received, and the id that the job must have. Where it raises, or the same
    request was carried out before, the body does not stay.
    """
    token = new_id()
    with slot(UPLOADS):
        received = receive(request, backend(), token)

    def carry_out(id: str) -> Response:
        files, standing = backend().files, backend().storage.get(Job, id)
        if standing is not None:
            return answer_submitted(request, standing)
        files.draft(upload_name(token)).replace(files.draft(upload_name(id)))
        try:
            files.hand_over(upload_name(id))
            return answer_submitted(request, start(received, id))
        finally:
            jobs.forget_upload_without_job(backend(), id)

    try:
        return once(request, [request.content_type, received.sha256], carry_out)
    finally:
        backend().files.draft(upload_name(token)).unlink(missing_ok=True)
