"""Keys: made, rotated and revoked by the operator, and known again when a client shows one.

A key is `sl_ID_SECRET`, with 256 random bits of secret: nobody can guess it, so that its SHA-256
can be kept without more ado. What is kept of a key outlives it: a service that once had keys never
opens because they have all ended.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from service.errors import InvalidRequest, NotFound
from service.records import SCOPES, Key, now, written
from service.redis_keys import RedisKeys
from service.workspaces import DEFAULT, NAME

MARK = "sl"
ID_BYTES, SECRET_BYTES = 6, 32
LONGEST_NAME = 100


def make(
    keys: RedisKeys,
    *,
    scopes: Sequence[str],
    workspace: str = DEFAULT,
    name: str = "",
    lasts: timedelta | None = None,
) -> tuple[Key, str]:
    """Make a key; return what is kept of it, and the key itself, which is told only now.

    Raise InvalidRequest for a workspace, a scope or a name that cannot be.
    """
    check(workspace, scopes, name)
    id, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    key = Key(
        id=id,
        digest=digest(secret),
        workspace=workspace,
        scopes=tuple(scope for scope in SCOPES if scope in scopes),
        name=name,
        expires_at=None if lasts is None else written(datetime.now(UTC) + lasts),
    )
    keys.put(key)
    return key, f"{MARK}_{id}_{secret}"


def check(workspace: str, scopes: Sequence[str], name: str) -> None:
    """Raise InvalidRequest for what no key can have."""
    if not NAME.fullmatch(workspace):
        raise InvalidRequest(
            f"{workspace!r} cannot be a workspace: it has 1 to 63 of a-z, 0-9 and -, and begins"
            " with none of -"
        )
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InvalidRequest(f"A key has scopes, one or more of {', '.join(SCOPES)}: {unknown}")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidRequest(f"A key's name has at most {LONGEST_NAME} characters that can be seen")


def rotate(
    keys: RedisKeys, id: str, *, keeps: timedelta, lasts: timedelta | None = None
) -> tuple[Key, str]:
    """Make a key in the place of another, which ends after a while: until then both open.

    Return what is kept of the new one, and the new one itself; raise NotFound for one that does
    not open anything any more.
    """
    old = get(keys, id)
    if old.state != "live":
        raise NotFound(f"The key {id} is {old.state}: make a new one")
    made = make(keys, scopes=old.scopes, workspace=old.workspace, name=old.name, lasts=lasts)
    ends = written(datetime.now(UTC) + keeps)
    keys.put(replace(old, expires_at=min(ends, old.expires_at or ends)))
    return made


def revoke(keys: RedisKeys, id: str) -> Key:
    """End a key at once; return it. One that was revoked before stays so."""
    key = get(keys, id)
    if key.revoked_at is None:
        key = replace(key, revoked_at=now())
        keys.put(key)
    return key


def get(keys: RedisKeys, id: str) -> Key:
    """Return a key; raise NotFound."""
    found = keys.get(id)
    if found is None:
        raise NotFound(f"There is no key {id}")
    return found


def id_of(text: str) -> str | None:
    """Return the id that is in a key, None for what is none."""
    mark, _, rest = text.partition("_")
    id, _, secret = rest.partition("_")
    return id if mark == MARK and id and secret else None


def opens(key: Key, text: str) -> bool:
    """Return whether what a client shows is a key, and live."""
    secret = text.split("_", 2)[-1]
    return hmac.compare_digest(digest(secret), key.digest) and key.state == "live"


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
