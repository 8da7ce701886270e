"""The service's own share of a request: the app called in this process, without any network."""

import io
import json
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from service.app import create_app
from service.backend import Backend


class Server:
    """An app on a backend, called as a server of WSGI calls it."""

    def __init__(self, backend: Backend) -> None:
        self.app: Flask = create_app(backend=backend)

    def prepared(self, path: str, document: Any = None, accept: str = "*/*") -> dict[str, Any]:
        """Return a request, made once, so that making it is not measured."""
        body = None if document is None else json.dumps(document).encode()
        builder = EnvironBuilder(
            path=path.partition("?")[0],
            query_string=path.partition("?")[2],
            method="GET" if body is None else "POST",
            data=body,
            content_type=None if body is None else "application/json",
            headers={"Accept": accept},
        )
        environ = builder.get_environ()
        environ["shortlist.body"] = body or b""
        return environ

    def answer(self, environ: dict[str, Any]) -> bytes:
        """Return the body that answers a request; raise where it is refused."""
        said: list[str] = []

        def start(status: str, *headers: Any) -> None:
            del headers
            said.append(status)

        given = {**environ, "wsgi.input": io.BytesIO(environ["shortlist.body"])}
        body = b"".join(self.app.wsgi_app(given, start))
        if not said[0].startswith("200"):
            raise RuntimeError(f"{said[0]}: {body[:1000]!r}")
        return body
