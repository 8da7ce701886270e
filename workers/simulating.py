"""A simulation job: active learning replayed on a labelled pool, by all workers together.

The worker that claims the job keeps the labels as they are, calls for hands, takes run after run,
and, when all are done, writes the reports. A hand is another worker that takes one run, and then
stands in the queue again, so that other jobs have their turn in between. A hand that dies harms
nothing: its run is taken by somebody else. Where the settings name a cluster, or several processes,
the job's own worker hands the runs to these, and calls nobody to a cluster's work.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from service.backend import Backend
from service.errors import Cancelled, SubjectGone
from service.files import MANIFEST, simulation_name, work_name, write_manifest
from service.operations import jobs, pools, simulations, unsettled, usage
from service.records import QUEUED, RUNNING, Job, Simulation, new_id
from service.simulation import Plan
from workers.memory import limited_memory
from workers.simulation import curves, results
from workers.simulation.share import Share
from workers.simulation.snapshot import Snapshot
from workers.simulation.spread import spread
from workers.simulation.summary import summarise
from workers.simulation.trace import Trace
from workers.versions import own_versions
from workers.workbench import Workbench

PAUSE = 0.2
"""Seconds between two looks, while all runs that are left are being done by others."""

REPLAY_LESS = "ask for fewer seeds, functions, estimators or labels"
"""What to do where the rounds of all runs are more than can be told together."""


def simulate(bench: Workbench, job: Job) -> Mapping[str, Any]:
    """Replay every run of a plan, and write what came of them; return the simulation's id."""
    backend, plan = bench.backend, simulations.plan_of(job.request)
    snapshot = Snapshot(backend, job, plan)
    snapshot.take()
    share = Share(backend, job, plan, job.ticket, partial(jobs.check, backend, job))
    data = snapshot.data()
    if not backend.settings.compute:
        call_hands(backend, job, len(share.left()))
    if backend.settings.compute or backend.settings.fit_processes > 1:
        spread(share, data)
    while share.left():
        run = share.take()
        if run is None:
            time.sleep(PAUSE)
            share.look()
        else:
            share.play(run, data)
    with limited_memory(backend.settings.sandbox_memory, REPLAY_LESS):
        traces = share.traces()
    summary = report(backend, job, plan, traces, snapshot.counts())
    backend.storage.set_progress(job.id, job.total or 0, job.total)
    return {"simulation": job.id, "runs": len(plan.runs), "advice": summary["advice"]}


def call_hands(backend: Backend, job: Job, runs: int) -> None:
    """Ask the other workers for help, as many as there are, or as there are runs to do."""
    for _ in range(min(backend.queue.workers(), runs) - 1):
        backend.queue.put_hand(job, new_id(), jobs.timeout(backend, job))


def assist(bench: Workbench, job_id: str, ticket: str) -> None:
    """Do one run of a simulation, if one is free, and stand in the queue again if some are left."""
    backend, job = bench.backend, bench.backend.storage.get(Job, job_id)
    if job is None or job.state not in (QUEUED, RUNNING):
        return
    jobs.hold(backend, ticket)
    plan = simulations.plan_of(job.request)
    share = Share(backend, job, plan, ticket, partial(check, backend, job_id))
    run = share.take()
    if run is None:
        return
    share.play(run, Snapshot(backend, job, plan).data())
    if is_over(backend, job_id):
        backend.files.remove(work_name(job_id))
    elif share.left():
        backend.queue.put_hand(job, new_id(), jobs.timeout(backend, job))


def is_over(backend: Backend, job_id: str) -> bool:
    """Return whether nobody works at a job any more, or shall not."""
    job = backend.storage.get(Job, job_id)
    return job is None or job.state not in (QUEUED, RUNNING)


def check(backend: Backend, job_id: str) -> None:
    """Raise Cancelled where a hand shall stop; it goes on while its job waits for a new worker."""
    if is_over(backend, job_id):
        raise Cancelled("The job has ended")


def report(
    backend: Backend, job: Job, plan: Plan, traces: list[Trace], counts: Mapping[str, int]
) -> Mapping[str, Any]:
    """Write and publish the reports, and remember the simulation; return its summary."""
    summary = {"items": dict(counts), **summarise(plan, traces)}
    simulation = Simulation(
        id=job.id,
        pool=plan.pool,
        name=plan.name,
        request=job.request,
        summary=summary,
        versions=own_versions(learning=True),
    )
    with backend.files.staging(jobs.staging_token(job)) as root:
        staged = root / "simulation"
        staged.mkdir(mode=0o700)
        results.write_rounds(plan, traces, staged)
        (staged / "curves.svg").write_bytes(curves.svg(plan, traces))
        (staged / "curves.png").write_bytes(curves.png(plan, traces))
        write_manifest(staged / MANIFEST, simulation.kind, simulation.document())
        # Published is done: from here on the job is not stopped half-way any more.
        jobs.check(backend, job)
        usage.claim_for(backend, staged)
        unsettled.note(backend, simulation_name(job.id))
        backend.files.publish(staged, simulation_name(job.id))
    backend.storage.add(simulation)
    if pools.find(backend, plan.pool) is None:
        backend.storage.remove(simulation)
        backend.files.remove(simulation_name(job.id))
        raise SubjectGone(f"The pool {plan.pool} was deleted while it was replayed")
    return summary
