"""How the short examples run: against the service at --url, or one of their own for the while."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from connection import Failed, Service
from temporary_service import CannotStart, heed_signals, running_service


def run(story: Callable[[Service], None], description: str, arguments: Sequence[str] | None) -> int:
    """Tell a story to a service; return the exit status."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--url", help="a running service, which keeps what is made; else one starts for the while"
    )
    options = parser.parse_args(arguments)
    heed_signals()
    try:
        with service_at(options.url) as service:
            story(service)
    except (CannotStart, Failed) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


@contextmanager
def service_at(url: str | None) -> Iterator[Service]:
    """Give the service at an address, or a temporary one."""
    if url:
        yield Service(url)
        return
    with running_service() as own:
        yield Service(own)
