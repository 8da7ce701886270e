"""What never changes: files written once, under names the server made.

A publication is a file or a directory that is filled under a temporary name, and then put under its
own at once. Whoever reads it sees all of it or nothing, also when the writer dies half-way. It
stands in a directory, or in a bucket of which every machine keeps copies.
"""

from service.files.directory import Files
from service.files.disk import RESERVE, age, check_space, force, size
from service.files.manifest import MANIFEST, write_manifest
from service.files.names import (
    STAGING,
    UPLOADS,
    WORK,
    form_name,
    given_name,
    members_name,
    model_manifest_name,
    model_name,
    part_name,
    piece_name,
    predictions_name,
    ranking_name,
    simulation_name,
    upload_name,
    work_name,
)

__all__ = [
    "MANIFEST",
    "RESERVE",
    "STAGING",
    "UPLOADS",
    "WORK",
    "Files",
    "age",
    "check_space",
    "force",
    "form_name",
    "given_name",
    "members_name",
    "model_manifest_name",
    "model_name",
    "part_name",
    "piece_name",
    "predictions_name",
    "ranking_name",
    "simulation_name",
    "size",
    "upload_name",
    "work_name",
    "write_manifest",
]
