"""/openapi.json, and /docs with scripts and styles of our own serving."""

from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Response, current_app, redirect, send_from_directory
from flask_smorest import Api

from service.api.blueprint import API, json_answer
from service.description import document

blueprint = Blueprint("documentation", __name__)

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
SHOWN = frozenset({"swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"})
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Shortlist API</title>
<link rel="icon" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
START = 'SwaggerUIBundle({url: "/openapi.json", dom_id: "#page", deepLinking: true});\n'
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"


@blueprint.get("/")
def get_root() -> Any:
    """Lead whoever comes without a path to the page."""
    return redirect("/docs")


@blueprint.get("/openapi.json")
def get_description() -> Response:
    """Return the description of this API."""
    api: Api = current_app.extensions[API]
    return json_answer(document(api))


@blueprint.get("/docs")
def get_page() -> Response:
    """Return the page that shows the description."""
    response = Response(PAGE, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = POLICY
    return response


@blueprint.get("/docs/start.js")
def get_start() -> Response:
    """Return the script that starts the page."""
    return Response(START, content_type="text/javascript; charset=utf-8")


@blueprint.get("/docs/<name>")
def get_asset(name: str) -> Response:
    """Return one of the page's files."""
    return send_from_directory(ASSETS, name if name in SHOWN else "-")
