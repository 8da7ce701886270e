"""Who may come in, and to which workspace: by the key that a request shows."""

import hmac
import ipaddress
import time
from collections.abc import Mapping
from functools import lru_cache

from flask import Flask, g, request

from service.api.blueprint import EXTENSION, Blueprint
from service.backend import Backend
from service.errors import Forbidden, Unauthorized
from service.operations import keys
from service.records import ADMIN, Key
from service.redis_keys import RedisKeys
from service.settings import Settings

ACCESS = "shortlist-access"
SECONDS_BELIEVED = 1.0
"""For how long a process believes what it read of a key: a revoked one opens no longer."""

WORKSPACES_KEPT = 256
OPEN_PATHS = frozenset({"/", "/livez", "/readyz", "/openapi.json"})
DOCS = "/docs"
NOBODY = Key(id="nobody", digest="", scopes=(ADMIN,), name="no key is needed")
OPERATOR = Key(id="operator", digest="", scopes=(ADMIN,), name="SHORTLIST_API_KEY")


class Access:
    """What a process knows of keys, and what it read of them a moment ago."""

    def __init__(self, known: RedisKeys, settings: Settings) -> None:
        self.known = known
        self.own = settings.api_key
        self.may_be_open = not settings.api_key and is_loopback(settings.host)
        self.read: dict[str, tuple[float, Key]] = {}
        self.looked = 0.0
        self.is_open = False

    def admitted(self, authorization: str) -> Key:
        """Return the key that a header shows; raise Unauthorized where it opens nothing."""
        scheme, _, text = authorization.partition(" ")
        is_shown = scheme.lower() == "bearer"
        if is_shown and self.own and hmac.compare_digest(text.encode(), self.own.encode()):
            return OPERATOR
        key = self.found(keys.id_of(text)) if is_shown else None
        if key is not None and keys.opens(key, text):
            return key
        if self.may_be_open and self.stands_open():
            return NOBODY
        if is_shown:
            raise refusal("The key that was sent is unknown, or has expired or been revoked")
        raise refusal("Send a key as `Authorization: Bearer KEY`")

    def stands_open(self) -> bool:
        """Return whether there never was a key."""
        if time.monotonic() - self.looked > SECONDS_BELIEVED:
            self.is_open = not self.known.any()
            self.looked = time.monotonic()
        return self.is_open

    def found(self, id: str | None) -> Key | None:
        """Return a key by its id, or None."""
        if id is None:
            return None
        when, key = self.read.get(id, (0.0, None))
        if key is not None and time.monotonic() - when < SECONDS_BELIEVED:
            return key
        key = self.known.get(id)
        if key is None:
            self.read.pop(id, None)
        else:
            self.read[id] = (time.monotonic(), key)
        return key


def register(app: Flask) -> None:
    """Have an app ask every request for its key."""
    backend: Backend = app.extensions[EXTENSION]
    access = Access(backend.keys, backend.settings)
    needed = scopes_of(app)
    within = lru_cache(WORKSPACES_KEPT)(backend.within)

    def admit() -> None:
        if is_open_to_all(request.path):
            return
        g.key = access.admitted(request.headers.get("Authorization", ""))
        g.backend = within(g.key.workspace)
        scope = needed.get(request.endpoint or "")
        if scope is not None:
            require(scope)

    app.before_request(admit)
    app.extensions[ACCESS] = access


def scopes_of(app: Flask) -> Mapping[str, str]:
    """Return the scope that each operation needs, by its endpoint."""
    return {
        f"{blueprint.name}.{name}": scope
        for blueprint in app.blueprints.values()
        if isinstance(blueprint, Blueprint)
        for name, scope in blueprint.scopes.items()
    }


def require(scope: str) -> None:
    """Raise Forbidden where the request's key is not good for something."""
    if not g.key.may(scope):
        raise Forbidden(
            f"The key {g.key.id} has not the scope `{scope}`: it has {', '.join(g.key.scopes)}"
        )


def is_open_to_all(path: str) -> bool:
    """Return whether a path needs no key: what tells only that the service lives, and its docs."""
    return path in OPEN_PATHS or path.split("/")[1] == DOCS[1:]


def refusal(detail: str) -> Unauthorized:
    """Return the error for a request without a key that opens."""
    return Unauthorized(detail, headers={"WWW-Authenticate": 'Bearer realm="shortlist"'})


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address, as far as its text tells."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
