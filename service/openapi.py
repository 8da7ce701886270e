"""`python -m service.openapi`: the description of the API, generated from the code, as YAML."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import yaml

from service.api.blueprint import API
from service.app import create_app
from service.description import document
from service.settings import Settings


def main() -> None:
    """Print the description."""
    with tempfile.TemporaryDirectory() as nowhere:
        settings = replace(Settings(), data_dir=Path(nowhere), redis_url="redis://nowhere")
        app = create_app(settings)  # nothing connects before a request
        described = document(app.extensions[API])
    yaml.safe_dump(described, sys.stdout, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    main()
