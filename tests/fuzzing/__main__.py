"""Fuzz the readers of some formats, each in a process of its own."""

import argparse
import subprocess
import sys

from tests.fuzzing.reading import FOUND
from tests.uploads import UPLOADS

HOUR = 3600


def main():
    """Fuzz; return how many formats had something found."""
    options = argparse.ArgumentParser(description="Fuzz the readers of uploads.")
    options.add_argument("formats", nargs="*", default=[], help="of " + ", ".join(UPLOADS))
    options.add_argument("--seconds", type=int, default=HOUR, help="for each format")
    given = options.parse_args()
    failed = [name for name in given.formats or UPLOADS if fuzz(name, given.seconds)]
    print(f"found something in {', '.join(failed) or 'none'}; see {FOUND}")  # noqa: T201
    return len(failed)


def fuzz(name, seconds):
    """Fuzz a format; return whether something was found."""
    command = [sys.executable, "-m", "tests.fuzzing.reading", name, str(seconds)]
    print(f"{name}: {seconds} s", flush=True)  # noqa: T201
    return subprocess.run(command, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
