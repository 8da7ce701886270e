"""A Shortlist somewhere, spoken to as a client in any language would; the standard library only."""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any

COUNTED = {"train": "fits", "simulate": "rounds"}
"""What the progress of a task counts, where that is not items."""


PATIENT = {"Prefer": "wait=1"}
"""What asks the service to answer once the job has ended, or else after a second."""


class Failed(Exception):
    """What was asked for cannot be had."""


@dataclass(frozen=True)
class Answer:
    """What the service answered."""

    headers: Message
    document: Any


@dataclass(frozen=True)
class Service:
    """A Shortlist somewhere, spoken to over HTTP and without a proxy."""

    url: str

    def get(self, path: str, **headers: str) -> Answer:
        """Read something."""
        return self.send("GET", path, None, headers)

    def post(self, path: str, document: Any, **headers: str) -> Answer:
        """Send a JSON document that makes something."""
        body = json.dumps(document).encode()
        return self.send("POST", path, body, {"Content-Type": "application/json", **headers})

    def put(self, path: str, document: Any) -> Answer:
        """Send a JSON document that sets something."""
        body = json.dumps(document).encode()
        return self.send("PUT", path, body, {"Content-Type": "application/json"})

    def upload(self, path: str, body: bytes, media_type: str) -> Any:
        """Send a file, and return the job that reads it once it has succeeded."""
        began = time.monotonic()
        answer = self.send("POST", path, body, {"Content-Type": media_type, **PATIENT})
        return self.finish(answer, began)

    def finish(self, submitted: Answer, began: float | None = None) -> Any:
        """Follow a job to its end as a platform would; return it if it succeeded."""
        answer, began = submitted, began or time.monotonic()
        while answer.document["state"] in ("queued", "running", "cancelling"):
            show_progress(answer.document, time.monotonic() - began)
            if "Preference-Applied" not in answer.headers:
                time.sleep(int(answer.headers.get("Retry-After", "1")))
            answer = self.get(answer.document["links"]["self"], **PATIENT)
        job = answer.document
        if job["state"] != "succeeded":
            raise Failed(f"the job {job['task']} {job['state']}: {job['error']['detail']}")
        show_progress(job, time.monotonic() - began, end="\n")
        return job

    def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Send a request; raise Failed, with the service's own words, where it is refused."""
        request = urllib.request.Request(self.url + path, body, dict(headers), method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with direct.open(request, timeout=60) as response:
                return Answer(response.headers, json.load(response))
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            wrong = "".join(f"\n  {each['pointer']} {each['detail']}" for each in problem["errors"])
            raise Failed(f"{method} {path}: {problem['detail']}{wrong}") from error
        except OSError as error:
            raise Failed(f"{method} {path}: the service does not answer: {error}") from error


def show_progress(job: Any, seconds: float, end: str = "") -> None:
    """Write how far a job has come, on a terminal over the line that said so before."""
    progress = job["progress"] or {}
    counted = COUNTED.get(job["task"], "items")
    far = f", {progress['done']} of {progress['total']} {counted}" if progress.get("total") else ""
    line = f"  {job['task']} {job['state']}{far}, {seconds:.1f} s"
    if sys.stdout.isatty():
        print(f"\r{line:<70}", end=end, flush=True)
    elif end:
        print(line, flush=True)
