"""A client as somebody might write it: standard library only, JSON in, JSON out."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True)
class Answer:
    status: int
    headers: object
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Speaks to one installation."""

    url: str
    key: str = ""

    def send(self, method, path, body=None, type="application/json", **headers):
        data = json.dumps(body).encode() if isinstance(body, dict | list) else body
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Content-Type": type} if data is not None else {}
        if self.key:
            sent["Authorization"] = f"Bearer {self.key}"
        request = urllib.request.Request(
            self.url + path, data, method=method, headers={**sent, **named}
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def get(self, path, **headers):
        return self.send("GET", path, **headers)

    def post(self, path, body=None, type="application/json", **headers):
        return self.send("POST", path, body, type, **headers)

    def put(self, path, body):
        return self.send("PUT", path, body)

    def finish(self, path, body, type="application/json"):
        """POST something that makes a job; return the job once it has succeeded."""
        answer = self.post(path, body, type)
        assert answer.status in (201, 202), answer.body
        job = self.ended(answer.json["id"])
        assert job["state"] == "succeeded", job
        return job

    def ended(self, job, patience=60):
        """Return a job once it has ended, by long polls."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            found = self.get(f"/v1/jobs/{job}", Prefer="wait=5").json
            if found["state"] in ("succeeded", "failed", "cancelled"):
                return found
        raise AssertionError(f"the job did not end: {found}")

    def pool(self, body, type, query=""):
        """Make a pool of one upload; return its id."""
        pool = self.post("/v1/pools", {"name": "test"}).json["id"]
        self.finish(f"/v1/pools/{pool}/items{query}", body, type)
        return pool

    def model(self, body, format="skops"):
        """Upload a model; return its id."""
        job = self.finish(f"/v1/models?format={format}", body, "application/octet-stream")
        return job["result"]["model"]["id"]

    def predictions(self, pool, body, type="application/json", **query):
        """Upload predictions of a pool; return their id."""
        path = f"/v1/pools/{pool}/predictions?{urlencode(query)}"
        return self.finish(path, body, type)["result"]["predictions"]

    def rankings(self, pool, model, *functions):
        """Score a pool; return the rankings' ids by function."""
        asked = [each if isinstance(each, dict) else {"name": each} for each in functions]
        body = {"pool": pool, "model": model, "acquisitions": asked}
        job = self.finish("/v1/scorings", body)
        return {each["acquisition"]: each["id"] for each in job["result"]["rankings"]}
