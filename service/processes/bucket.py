"""A bucket that somebody else runs, and what Shortlist demands of it.

It is tried in a process of its own, `python -m service.processes.bucket URL`: its library runs
threads, and whoever starts Shortlist's processes has none.
"""

import os
import subprocess
import sys

from service.errors import Unavailable
from service.processes.children import CannotStart

PATIENCE = 5.0  # seconds
SECONDS = 60.0


def check(url: str) -> None:
    """Refuse a bucket in which nothing can be made, read and deleted."""
    command = (sys.executable, "-P", "-m", "service.processes.bucket", url)
    try:
        done = subprocess.run(  # noqa: S603 - our own module, by our own interpreter
            command, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotStart(f"the bucket of SHORTLIST_STORAGE_URL, {url}, does not answer") from None
    if done.returncode:
        reason = done.stdout.strip() or done.stderr.strip().rpartition("\n")[2]
        raise CannotStart(
            f"the bucket of SHORTLIST_STORAGE_URL, {url}, cannot be used: {reason}; the address and"
            " the keys are those that its library reads from the environment (docs/operations.md)"
        )


def attempt(url: str) -> str | None:
    """Make, read and delete an object; return what is wrong, or None."""
    from service.files.objects import Objects  # only here: the checking process needs none

    try:
        objects = Objects(url, PATIENCE)
        path = f"pending/attempt-{os.urandom(8).hex()}"
        objects.create(path, b"[]")
        try:
            objects.create(path, b"[]")
        except FileExistsError:
            pass
        else:
            return "it knows no conditional writes (If-None-Match), by which a name is taken once"
        objects.read(path)
        objects.delete([path])
    except (ImportError, ValueError) as error:
        return f"{error} (for s3:// install shortlist[bucket])"
    except Unavailable as error:
        return f"{error.detail}: {error.__cause__}"
    except OSError as error:
        return str(error)
    return None


if __name__ == "__main__":
    found = attempt(sys.argv[1])
    sys.stdout.write(found or "")
    sys.exit(0 if found is None else 1)
