"""A client that does not give up: it sends a request again until it has an answer."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
import uuid

PATIENCE = 180.0
PAUSE = 0.1
SECONDS_TO_ANSWER = 30
AWAY = frozenset({429, 503})
BUSY = 409
WRONG = 500


class GivenUp(Exception):
    """There was no answer before the end of the campaign."""


class Sender:
    """Speaks to an installation that may be away at any time."""

    def __init__(self, url, ledger):
        self.url, self.ledger = url, ledger
        self.over = threading.Event()

    def send(self, method, path, body=None, type="application/json", *, wait=0, hurry=True):
        """Return the status and the JSON of an answer; the request has one key for all its tries.

        With `hurry`, raise GivenUp where none comes before the end of the campaign.
        """
        data = json.dumps(body).encode() if isinstance(body, dict | list) else body
        headers = {} if data is None else {"Content-Type": type}
        if method == "POST":
            headers["Idempotency-Key"] = uuid.uuid4().hex
        if wait:
            headers["Prefer"] = f"wait={wait}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = self.attempt(method, path, data, headers)
            if answer is not None:
                return answer
            if hurry and self.over.is_set():
                raise GivenUp(path)
            self.ledger.count("requests sent again")
            time.sleep(PAUSE)
        self.ledger.complain(f"no answer in {PATIENCE:.0f} s: {method} {path}")
        raise GivenUp(path)

    def attempt(self, method, path, data, headers):
        """Return status and JSON, or None where the request is to be sent again."""
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as response:
                return response.status, json.loads(response.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return self.refused(error, method, path)
        except (OSError, http.client.HTTPException):
            return None

    def refused(self, error, method, path):
        try:
            problem = json.loads(error.read())
        except (OSError, http.client.HTTPException, ValueError):
            return None
        if error.code in AWAY or (error.code == BUSY and error.headers["Retry-After"]):
            return None
        if error.code >= WRONG:
            self.ledger.complain(f"{error.code} to {method} {path}: {problem}")
        return error.code, problem
