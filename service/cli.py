"""The command `shortlist`: everything in one, or one process of it each."""

import argparse
import dataclasses
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from service.processes import bucket, embedded, layout, supervisor, webserver
from service.processes.children import CannotStart
from service.settings import PREFIX, InvalidSettings, Settings

COMMANDS = {
    "serve": "run the embedded server, the API and its workers until Ctrl-C",
    "api": "run the API alone",
    "worker": "run one worker alone; SIGTERM lets it finish its job",
    "redis": "run the embedded server alone",
    "settings": "print every setting, its default and its meaning",
    "keys": "make, list, rotate and revoke keys: `shortlist keys --help`",
    "backup": "copy a running service's data into a directory: `shortlist backup --help`",
    "restore": "make a data directory of a backup",
    "rebuild": "after Redis was lost, make records again of the files that stand",
    "simulate": "replay active learning on a file of labelled items, without a server",
}
BACKUP_COMMANDS = ("backup", "restore", "rebuild")
FLAGS = {
    "data_dir": ("serve", "api", "worker", "redis"),
    "host": ("serve", "api"),
    "port": ("serve", "api"),
    "workers": ("serve",),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["simulate"]:
        run_simulation(arguments[1:])
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        return obey(arguments)
    except InvalidSettings as error:
        print(f"shortlist: {error}", file=sys.stderr)
        return 2
    except CannotStart as error:
        print(f"shortlist: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130  # as a shell says it


def obey(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit status."""
    if arguments[:1] == ["keys"]:
        from service import key_commands  # its libraries take longer than `settings` does

        return key_commands.run(arguments[1:], os.environ)
    if arguments and arguments[0] in BACKUP_COMMANDS:
        from service import backup_commands  # as above

        return backup_commands.run(arguments, os.environ)
    options = vars(parser().parse_args(arguments))
    command = options.pop("command")
    if command == "settings":
        print("\n".join(table()))
        return 0
    environment = with_flags(os.environ, options)
    settings = Settings.from_environment(environment)
    settings = dataclasses.replace(settings, data_dir=settings.data_dir.resolve())
    return run(command, settings, port_is_given=PREFIX + "PORT" in environment)


def run(command: str, settings: Settings, *, port_is_given: bool) -> int:
    """Run one command until it ends; return the exit status."""
    if command == "serve":
        return supervisor.serve(settings, port_is_given=port_is_given)
    if command == "redis":
        run_embedded_server(settings)
    settings = connected(settings)
    layout.check(settings.data_dir)
    if settings.storage_url:
        bucket.check(settings.storage_url)
    if command == "worker":
        run_worker(settings)
    os.environ.update(supervisor.ONE_THREAD)
    webserver.check_keys(settings)
    with webserver.listen(settings, port_is_given=port_is_given) as listener:
        print(f"The API listens at {webserver.url(listener)}", flush=True)
        webserver.serve(settings, listener)
    return 0


def run_embedded_server(settings: Settings) -> NoReturn:
    """Become the embedded server."""
    lock = embedded.claim(settings.data_dir)
    layout.check(settings.data_dir)
    command = embedded.command(settings.data_dir, lock)
    for file in command.files:
        os.set_inheritable(file, True)
    print(f"The embedded server answers at {embedded.url(settings.data_dir)}", flush=True)
    os.execve(command.arguments[0], command.arguments, dict(command.environment))  # noqa: S606


def run_worker(settings: Settings) -> NoReturn:
    """Become a worker."""
    command = supervisor.worker_command(1, supervisor.environment_of(settings, port=settings.port))
    os.execve(command.arguments[0], command.arguments, dict(command.environment))  # noqa: S606


def run_simulation(arguments: Sequence[str]) -> NoReturn:
    """Become a simulation, which has options of its own."""
    command = (sys.executable, "-P", "-m", "workers.console", *arguments)
    os.execve(command[0], command, {**os.environ, **supervisor.ONE_THREAD})  # noqa: S606


def connected(settings: Settings) -> Settings:
    """Return the settings with a Redis that answers: the operator's, or the embedded server."""
    if settings.redis_url:
        from service.processes import external  # imports redis, which not every command needs

        external.check(settings.redis_url)
        return settings
    if embedded.answers(settings.data_dir):
        return dataclasses.replace(settings, redis_url=embedded.url(settings.data_dir))
    raise CannotStart(
        f"no embedded server runs in {settings.data_dir}; start it with `shortlist redis` or"
        " `shortlist serve`, or set SHORTLIST_REDIS_URL to a Redis or Valkey of your own"
    )


def with_flags(environ: Mapping[str, str], options: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables with those replaced that the command line gives."""
    given = {PREFIX + name.upper(): text for name, text in options.items() if text is not None}
    return {**environ, **given}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line; its texts are those of the settings."""
    parser = argparse.ArgumentParser(
        prog="shortlist",
        description="Of everything not yet labelled, which items should a person label next?",
        epilog="settings are environment variables:\n" + "\n".join(listing()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    meanings = {field.name: field.metadata["help"] for field in dataclasses.fields(Settings)}
    for command, help_text in COMMANDS.items():
        added = commands.add_parser(command, help=help_text, description=help_text)
        for name, takers in FLAGS.items():
            if command in takers:
                flag = "--" + name.replace("_", "-")
                added.add_argument(flag, dest=name, metavar=name.upper(), help=meanings[name])
    return parser


def rows() -> Iterable[tuple[str, str, str]]:
    """Yield each setting's variable, default and meaning."""
    for field in dataclasses.fields(Settings):
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        yield PREFIX + field.name.upper(), str(default), field.metadata["help"]


def listing() -> Iterable[str]:
    """Yield the settings as lines for the screen."""
    for variable, default, meaning in rows():
        yield f"  {variable:<34}{meaning}" + (f" [{default}]" if default else "")


def table() -> Iterable[str]:
    """Yield the settings as the lines of a Markdown table."""
    yield "| variable | default | meaning |"
    yield "| --- | --- | --- |"
    for variable, default, meaning in rows():
        yield f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |"


if __name__ == "__main__":
    sys.exit(main())
