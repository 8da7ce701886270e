"""Keys, and the workspaces that there are, on Redis or Valkey.

    keys         a hash: a key's id to what is kept of it
    workspaces   the set of the workspaces for which there was ever a key

Both belong to no workspace.
"""

import json
from typing import Any, cast

import redis

from service.records import Key
from service.workspaces import DEFAULT, key_of

KEYS, WORKSPACES = key_of("keys"), key_of("workspaces")


class RedisKeys:
    """All keys, in one Redis database."""

    def __init__(self, connection: redis.Redis) -> None:
        self.redis = cast("Any", connection)

    def put(self, key: Key) -> None:
        """Remember a key, in the place of what was known of it."""
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.sadd(WORKSPACES, key.workspace)
            pipe.hset(KEYS, key.id, json.dumps(key.document()))
            pipe.execute()

    def get(self, id: str) -> Key | None:
        """Return a key, or None."""
        text = self.redis.hget(KEYS, id)
        return None if text is None else Key.from_document(json.loads(text))

    def all(self) -> list[Key]:
        """Return every key there ever was, the oldest first."""
        found = (Key.from_document(json.loads(text)) for text in self.redis.hvals(KEYS))
        return sorted(found, key=lambda key: (key.created_at, key.id))

    def any(self) -> bool:
        """Return whether there ever was a key."""
        return bool(self.redis.exists(KEYS))

    def remember_workspace(self, name: str) -> None:
        """Remember that there is a workspace, for which there is no key yet."""
        self.redis.sadd(WORKSPACES, name)

    def workspaces(self) -> list[str]:
        """Return the names of all workspaces, in order."""
        return sorted({DEFAULT, *(name.decode() for name in self.redis.smembers(WORKSPACES))})
