"""A Redis or Valkey that somebody else runs, and what Shortlist demands of it."""

import logging

import redis

from service.processes.children import CannotStart

PATIENCE = 5.0  # seconds
log = logging.getLogger("shortlist")


def check(url: str) -> None:
    """Refuse a server that does not answer or may drop data; warn when it may forget it."""
    try:
        client = redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
        )
        client.ping()
    except (redis.RedisError, ValueError) as error:
        raise CannotStart(
            f"the server of SHORTLIST_REDIS_URL does not answer: {error}; start it or correct the"
            " address, or leave the variable empty to use the embedded server"
        ) from None
    with client:
        check_eviction(setting(client, "maxmemory-policy"))
        check_persistence(setting(client, "appendonly"))


def setting(client: redis.Redis, name: str) -> str:
    """Return one of the server's settings, or an empty text where reading them is forbidden."""
    try:
        return str(client.config_get(name).get(name, ""))
    except redis.ResponseError:
        return ""


def check_eviction(policy: str) -> None:
    """Refuse a server that drops keys when its memory is full: they are the only copy."""
    if policy == "":
        log.warning("cannot read Redis's maxmemory-policy; be sure that it is noeviction")
    elif policy != "noeviction":
        raise CannotStart(
            f"the server of SHORTLIST_REDIS_URL has maxmemory-policy {policy}, which drops data"
            " when memory is full; set it to noeviction"
        )


def check_persistence(appendonly: str) -> None:
    """Warn when labels and records would be gone with the server's process."""
    if appendonly == "":
        log.warning("cannot read whether Redis keeps its data; be sure that appendonly is yes")
    elif appendonly != "yes":
        log.warning(
            "Redis has appendonly %s: a restart of it may lose data; set it to yes", appendonly
        )
