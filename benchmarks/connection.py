"""One kept connection to a Shortlist, as a platform in any language would keep it."""

import http.client
import io
import json
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Document = dict[str, Any]

PATIENCE = 120
LONGEST_WAIT = 20


class Refused(Exception):
    """The service refused a request, or a job did not succeed."""


class Connection:
    """Speaks to one service, over one connection that stays open."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.line = http.client.HTTPConnection(place.netloc, timeout=PATIENCE)
        self.root = place.path.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.line.close()

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        """Send a request; return the JSON that answers it, or raise Refused with its words."""
        self.line.request(method, self.root + path, body, dict(headers))
        with self.line.getresponse() as response:
            document = json.loads(response.read())
        if response.status >= http.client.BAD_REQUEST:
            raise Refused(f"{method} {path}: {document['detail']} {document['errors']}")
        return document

    def get(self, path: str, **headers: str) -> Any:
        """Read something."""
        return self.send("GET", path, None, headers)

    def give(self, method: str, path: str, document: Document, **headers: str) -> Any:
        """Send a JSON document."""
        sent = {"Content-Type": "application/json", **headers}
        return self.send(method, path, json.dumps(document).encode(), sent)

    def upload(self, path: str, **arrays: Any) -> Document:
        """Send arrays as an archive; return the job that read them, once it has succeeded."""
        archive = io.BytesIO()
        np.savez(archive, **arrays)
        sent = {"Content-Type": "application/x-npz", "Prefer": f"wait={LONGEST_WAIT}"}
        return self.succeeded(self.send("POST", path, archive.getvalue(), sent))

    def score(self, scoring: Document) -> Document:
        """Have something scored; return the job once it has succeeded."""
        job = self.give("POST", "/v1/scorings", scoring, Prefer=f"wait={LONGEST_WAIT}")
        return self.succeeded(job)

    def succeeded(self, job: Document) -> Document:
        """Return a job once it has succeeded; raise Refused where it ends otherwise."""
        while job["state"] in ("queued", "running", "cancelling"):
            job = self.get(job["links"]["self"], Prefer=f"wait={LONGEST_WAIT}")
        if job["state"] != "succeeded":
            raise Refused(f"the job {job['task']} {job['state']}: {job['error']}")
        return job
