"""`shortlist keys`: keys are made, listed, rotated and revoked here, and nowhere else."""

import argparse
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from service.backend import open_backend
from service.errors import ServiceError
from service.operations import keys
from service.processes.reaching import reached
from service.records import READ, SCOPES, WRITE, Key
from service.redis_keys import RedisKeys
from service.settings import PREFIX, Settings
from service.workspaces import DEFAULT

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
HEADINGS = ("id", "state", "workspace", "scopes", "made", "expires", "name")


def run(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run one of the commands where the environment says; return the exit status."""
    given = parser().parse_args(arguments)
    directory = {} if given.data_dir is None else {f"{PREFIX}DATA_DIR": given.data_dir}
    settings = Settings.from_environment({**environ, **directory})
    settings = replace(settings, data_dir=settings.data_dir.resolve())
    with reached(settings) as known:
        try:
            for line in given.act(open_backend(known).keys, given):
                print(line)
        except ServiceError as error:
            print(f"shortlist: {error}", file=sys.stderr)
            return 1
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of these commands."""
    parser = argparse.ArgumentParser(prog="shortlist keys", description="who may use the service")
    parser.add_argument("--data-dir", metavar="DATA_DIR", help="where the embedded server's is")
    commands = parser.add_subparsers(required=True, metavar="command")
    created = commands.add_parser("create", help="make a key; it is printed once, and only now")
    created.add_argument("--workspace", default=DEFAULT, help="whose pools it sees [default]")
    meanings = "; ".join(f"{scope}: {meaning}" for scope, meaning in SCOPES.items())
    created.add_argument(
        "--scopes", default=f"{READ},{WRITE}", help=f"with commas between [read,write]. {meanings}"
    )
    created.add_argument("--name", default="", help="whose it is, for the list")
    created.set_defaults(act=create)
    listed = commands.add_parser("list", help="print all keys there ever were, without secrets")
    listed.set_defaults(act=lambda known, given: table(known.all()))  # noqa: ARG005
    rotated = commands.add_parser("rotate", help="make a key in the place of another")
    rotated.add_argument(
        "--keep", type=lasting, default="24h", help="how long the old one still opens [24h]"
    )
    rotated.set_defaults(act=rotate)
    revoked = commands.add_parser("revoke", help="end a key, within a second")
    revoked.set_defaults(act=revoke)
    for each in (created, rotated):
        each.add_argument("--expires", type=lasting, help="how long it opens, as 12h or 90d [ever]")
    for each in (rotated, revoked):
        each.add_argument("id", help="the key's id, as `shortlist keys list` tells it")
    return parser


def lasting(text: str) -> timedelta:
    """Return a time such as 90d; raise ValueError for what is none."""
    found = re.fullmatch(r"(\d{1,5})([mhdw])", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 30m, 12h, 90d or 4w")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def create(known: RedisKeys, given: argparse.Namespace) -> Iterator[str]:
    """Make a key, and tell it."""
    scopes = [scope.strip() for scope in given.scopes.split(",")]
    made = keys.make(
        known, scopes=scopes, workspace=given.workspace, name=given.name, lasts=given.expires
    )
    yield from told(*made)


def rotate(known: RedisKeys, given: argparse.Namespace) -> Iterator[str]:
    """Make a key in the place of another, and tell it."""
    yield from told(*keys.rotate(known, given.id, keeps=given.keep, lasts=given.expires))
    yield f"The key {given.id} opens until {keys.get(known, given.id).expires_at}."


def revoke(known: RedisKeys, given: argparse.Namespace) -> Iterator[str]:
    """End a key."""
    key = keys.revoke(known, given.id)
    yield f"The key {key.id} was revoked at {key.revoked_at}."


def told(key: Key, text: str) -> Iterator[str]:
    """Yield what is said of a new key."""
    yield text
    yield (
        f"This is the key {key.id} of the workspace {key.workspace}, for {', '.join(key.scopes)}."
        " It is not kept and cannot be shown again."
    )


def table(found: Sequence[Key]) -> Iterator[str]:
    """Yield keys as the lines of a table."""
    rows = [HEADINGS, *map(cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def cells(key: Key) -> tuple[str, ...]:
    """Return a key as the cells of a row."""
    made, expires = key.created_at[:19], (key.expires_at or "never")[:19]
    return (key.id, key.state, key.workspace, ",".join(key.scopes), made, expires, key.name)
