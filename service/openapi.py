"""`python -m service.openapi`: the description of the API, generated from the code, as YAML."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import yaml

from service.api.documentation import description
from service.app import create_app
from service.settings import Settings


def main() -> None:
    """Print the description."""
    with tempfile.TemporaryDirectory() as nowhere:
        settings = replace(Settings(), data_dir=Path(nowhere), redis_url="redis://nowhere")
        described = description(create_app(settings))  # nothing connects before a request
    yaml.safe_dump(described, sys.stdout, sort_keys=False, allow_unicode=True, width=100)


if __name__ == "__main__":
    main()
