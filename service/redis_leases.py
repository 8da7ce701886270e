"""Leases on Redis or Valkey."""

from typing import Any, cast

import redis


class RedisLeases:
    """The leases of all pools, in one Redis database."""

    def __init__(self, connection: redis.Redis) -> None:
        self.redis = cast("Any", connection)

    def forget_pool(self, pool: str) -> None:
        """Forget all leases of a pool."""
