"""/v1/jobs"""

from typing import Any

from flask import Response, request

from service.api import examples, tokens
from service.api.blueprint import Blueprint, backend, dumped
from service.api.preferences import answer_job, answer_polled
from service.errors import Conflict, InvalidRequest, JobNotFound
from service.operations import job_views, jobs
from service.schemas.jobs import JobPageSchema, JobSchema
from service.schemas.paging import PoolPageArguments

blueprint = Blueprint("jobs", __name__, url_prefix="/v1/jobs", description="How far work has come")


@blueprint.route("", methods=["GET"])
@blueprint.arguments(PoolPageArguments, location="query")
@blueprint.response(200, JobPageSchema, example=examples.JOB_PAGE)
@blueprint.fails(InvalidRequest)
def list_jobs(arguments: dict[str, Any]) -> Response:
    """List the jobs, all or a pool's, the newest first"""
    question = ["jobs", arguments["pool"]]
    after = tokens.after(arguments, question)
    found, following = jobs.page(backend(), after, arguments["page_size"], arguments["pool"])
    answer = {
        "jobs": job_views.views(backend(), found),
        "next_page_token": tokens.following(following, question),
    }
    return dumped(JobPageSchema, answer)


@blueprint.route("/<job_id>", methods=["GET"])
@blueprint.response(200, JobSchema, example=examples.SCORING_DONE)
@blueprint.fails(JobNotFound)
def get_job(job_id: str) -> Response:
    """Read how far a job has come

    While it goes on the answer says when to ask again (`Retry-After`, `poll_after`);
    `Prefer: wait=n` answers when the job ends, or after n seconds.
    """
    return answer_polled(request, job_id)


@blueprint.route("/<job_id>/cancel", methods=["POST"])
@blueprint.response(202, JobSchema, example=examples.CANCELLED_JOB)
@blueprint.fails(JobNotFound, Conflict)
def cancel_job(job_id: str) -> Response:
    """Cancel a job, whether it waits or runs"""
    return answer_job(jobs.cancel(backend(), job_id), status=202)
