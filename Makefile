# Paths are relative, so that a copy works wherever it lies, also beneath a name with a space.
python := .venv/bin/python
# File by file in their order: the acceptance tests, which take longest, first.
tests := $(python) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
bench = $(python) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[bench]'
tools = test -d .venv/tools || python3 -m venv .venv/tools; .venv/tools/bin/pip install
no_venv = echo "python3 cannot make environments here; run: sudo apt-get install python3-venv"

.PHONY: help setup demo serve test check fuzz fuzz-formats chaos audit sbom openapi docs estimators bench label-economy bench-simulation bench-strategies

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

setup: .venv/installed  ## make .venv with everything pinned; does nothing when it is there

demo: setup  ## the main job, end to end, on real data; ends by itself
	$(python) examples/demo.py

serve: setup  ## run the service until Ctrl-C
	$(python) -P -m service.cli serve

test: setup  ## run all tests
	$(tests)

check: setup  ## what must pass before a change is done: style, types, imports, contract, tests
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports
	$(python) -m service.openapi | diff openapi.yaml -
	$(tests)

fuzz: setup  ## many thousand requests drawn from openapi.yaml, other ones each time
	$(python) -m pytest -rP --hypothesis-profile=long tests/acceptance/test_fuzz.py

chaos: setup  ## work with an installation whose processes are killed, 300 times; prints a table
	$(python) -m tests.chaos --kills 300

openapi: setup  ## write openapi.yaml from the code
	$(python) -m service.openapi > .venv/openapi.yaml
	cp .venv/openapi.yaml openapi.yaml

docs: setup  ## write the generated pages of docs/ from the code
	$(python) -m docs.generator

estimators: setup  ## write service/estimators.json from scikit-learn
	$(python) -m workers.estimators

audit: setup  ## ask for known vulnerabilities of what is pinned (needs the internet)
	$(tools) -q pip-audit
	.venv/tools/bin/pip-audit --disable-pip --no-deps --requirement constraints.txt

sbom: setup  ## write what the installation is made of into sbom.json, as CycloneDX
	$(tools) -q cyclonedx-bom
	.venv/tools/bin/cyclonedx-py environment --output-file sbom.json $(python)

bench: setup  ## measure all that is promised of speed and memory, and write docs/performance.md
	$(bench)
	$(python) -m benchmarks --page docs/performance.md

label-economy: setup  ## measure how many labels each strategy saves, and write docs/label_economy.md
	$(python) -m benchmarks.label_economy --page docs/label_economy.md

bench-simulation: setup  ## replay the label economy as one simulation, beside the reference
	$(python) -m benchmarks.simulation

bench-strategies: setup  ## measure the batch strategies beside a peer's, and write docs/strategies_performance.md
	$(bench)
	$(python) -m benchmarks.strategies --large --page docs/strategies_performance.md

.venv/installed: pyproject.toml constraints.txt
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "this is $$(python3 --version); it must be 3.11 or newer"; exit 1; }
	@python3 -c 'import ensurepip, venv' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -qq && apt-get install -qq --no-install-recommends python3-venv; \
		else $(no_venv); exit 1; fi
	python3 -m venv --clear .venv
	$(python) -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
