"""Keys: what is kept of them, by which a client's is known again and never told."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from service.records.record import Document, now
from service.workspaces import DEFAULT

READ, WRITE, MODELS, ADMIN = "read", "write", "models", "admin"
SCOPES = {
    READ: "read everything",
    WRITE: "make, change and delete everything but models",
    MODELS: "upload and delete models",
    ADMIN: "all of these, and upload models that run their sender's code, where that is allowed",
}
"""What a key may be good for."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a key is good for, and the SHA-256 of its secret. Times are those of records."""

    id: str
    digest: str
    workspace: str = DEFAULT
    scopes: tuple[str, ...]
    name: str = ""
    created_at: str = field(default_factory=now)
    expires_at: str | None = None
    revoked_at: str | None = None

    @property
    def state(self) -> str:
        """Whether it opens anything now, and if not, why."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.expires_at is None or now() < self.expires_at else "expired"

    def may(self, scope: str) -> bool:
        """Return whether the key is good for something."""
        return scope in self.scopes or ADMIN in self.scopes

    def document(self) -> Document:
        """Return the key as plain values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return the key that a document describes."""
        return cls(**{**document, "scopes": tuple(document["scopes"])})
