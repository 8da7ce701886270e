"""`shortlist backup`, `restore` and `rebuild`: what the service keeps, elsewhere and back again."""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from service.backups import rebuilding, restoring, saving
from service.backups.manifest import listed
from service.backups.refusal import Refused
from service.errors import ServiceError
from service.processes.reaching import reached
from service.settings import PREFIX, Settings

SECONDS_BETWEEN_LINES = 5.0
LOST = (
    "Lost with Redis: labels, exclusion sets, leases, annotations, learners, jobs, keys, pools"
    " without items. Until a key is made, a service on loopback is open: `shortlist keys create`."
)


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one of the commands where the environment says; return the exit status."""
    given = parser().parse_args(arguments)
    directory = {} if given.data_dir is None else {f"{PREFIX}DATA_DIR": given.data_dir}
    settings = Settings.from_environment({**environ, **directory})
    settings = replace(settings, data_dir=settings.data_dir.resolve())
    try:
        for line in given.act(settings, given):
            print(line)
    except (Refused, ServiceError) as error:
        print(f"shortlist: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of these commands."""
    parser = argparse.ArgumentParser(prog="shortlist")
    commands = parser.add_subparsers(required=True, metavar="command")
    saved = commands.add_parser("backup", help="copy what a service keeps, while it runs")
    saved.add_argument("target", type=Path, help="a directory that is empty, or not there yet")
    saved.set_defaults(act=backup)
    restored = commands.add_parser("restore", help="put a backup where nothing is")
    restored.add_argument("source", type=Path, help="the directory of a backup")
    restored.set_defaults(act=restore)
    rebuilt = commands.add_parser("rebuild", help="make records again of files, without Redis")
    rebuilt.set_defaults(act=rebuild)
    for each in (saved, restored, rebuilt):
        each.add_argument("--data-dir", metavar="DATA_DIR", help="the data directory")
    return parser


class Teller:
    """Says on the screen how far something long has come, every few seconds."""

    def __init__(self) -> None:
        self.said = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() - self.said > SECONDS_BETWEEN_LINES:
            self.said = time.monotonic()
            print(f"{what}: {done} of {total}", flush=True)


def backup(settings: Settings, given: argparse.Namespace) -> Iterator[str]:
    """Make a backup, and tell what is in it."""
    target = given.target.absolute()
    saving.refuse(settings, target)
    with reached(settings) as known:
        copied = saving.save(known, target, Teller())
    if copied.deleted:
        yield f"Deleted meanwhile, and left out: {listed(copied.deleted)}"
    if copied.damaged:
        yield f"LEFT OUT because files are missing: {listed(copied.damaged)}"
    yield f"{target} is a backup. On the same disk its files are links: copy it to another."


def restore(settings: Settings, given: argparse.Namespace) -> Iterator[str]:
    """Restore a backup, and tell where."""
    count = restoring.restore(settings, given.source.absolute(), Teller())
    yield f"{settings.data_dir} holds what was backed up, {count} files; start the service there."


def rebuild(settings: Settings, given: argparse.Namespace) -> Iterator[str]:
    """Rebuild what can be, and tell what was."""
    del given
    if not settings.data_dir.is_dir():
        raise Refused(f"there is no {settings.data_dir}; name the --data-dir")
    with reached(settings) as known:
        outcome = rebuilding.rebuild(known)
    for kind, count in sorted(outcome.counts.items()):
        yield f"{count} of kind {kind}"
    if outcome.left_out:
        yield f"Left out: {listed(outcome.left_out)}"
    yield LOST
