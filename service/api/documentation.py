"""/openapi.json, and /docs with scripts and styles of our own serving."""

from functools import cache
from pathlib import Path
from typing import Any

import flask
import flask_swagger_ui
from flask import Flask, Response, current_app, redirect, send_from_directory

from service.api.blueprint import Blueprint, json_answer
from service.description import configure, document

blueprint = flask.Blueprint("documentation", __name__)

DESCRIPTION = "shortlist-description"
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
POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " frame-ancestors 'none'"
)


def register(app: Flask) -> None:
    """Have an app tell what there is."""
    app.register_blueprint(blueprint)
    app.extensions[DESCRIPTION] = cache(lambda: description(app))


def description(app: Flask) -> dict[str, Any]:
    """Return the description of all that an app's blueprints declare."""
    # Imported here: an API answers without, and starts sooner.
    import flask_smorest

    described = Flask("description", static_folder=None)
    configure(described)
    api = flask_smorest.Api(described)
    for each in app.blueprints.values():
        if isinstance(each, Blueprint):
            told = flask_smorest.Blueprint(
                each.name, __name__, url_prefix=each.url_prefix, description=each.description
            )
            api.register_blueprint(each.describe(told))
    return document(api)


@blueprint.get("/")
def get_root() -> Any:
    """Lead whoever comes without a path to the page."""
    return redirect("/docs")


@blueprint.get("/openapi.json")
def get_description() -> Response:
    """Return the description of this API."""
    return json_answer(current_app.extensions[DESCRIPTION]())


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
