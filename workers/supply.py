"""The evidence of a job: from its pool, its predictions, and the labels of the moment."""

from service.backend import Backend
from service.given import PredictionFiles
from service.items import Items
from service.operations import jobs
from workers.assignment import Assignment, labelled_rows
from workers.evidence import Supply
from workers.labels import Labels, read_labels
from workers.population import PoolPopulation
from workers.sources import Upload, source_of


def supply_of(backend: Backend, assignment: Assignment) -> Supply:
    """Return the evidence of a job; labels are read when something first asks for them."""
    population = PoolPopulation(Items(backend.files, assignment.pool), assignment.parts)
    votes = assignment.annotations

    def labels() -> Labels:
        rows = labelled_rows(backend, assignment)
        return read_labels(backend, assignment.pool, population, rows)

    return Supply(
        population,
        source_of(backend.files, assignment),
        labels,
        tick=lambda: jobs.check(backend, assignment.job),
        votes=None if votes is None else Upload(PredictionFiles(backend.files, votes)),
    )
