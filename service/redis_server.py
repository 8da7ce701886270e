"""A client of Redis whose scripts outlast the server that was told of them."""

from typing import Any

import redis
from redis.commands.core import Script

TELLINGS = 5
"""How often a server is told of a script for one call of it."""


class LastingScript(Script):
    """A script of which a server is told again, also when it ends between two of our words."""

    def __call__(self, *given: Any, **named: Any) -> Any:
        for _ in range(TELLINGS):
            try:
                return super().__call__(*given, **named)
            except redis.exceptions.NoScriptError:
                continue
        raise redis.exceptions.ConnectionError("The server is started again and again")


class Server(redis.Redis):
    """A client that makes such scripts."""

    def register_script(self, script: Any) -> Script:
        """Return a script that may be called."""
        return LastingScript(self, script)
