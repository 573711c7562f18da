# Everything runs in .venv, made from the lock files; nothing here needs root.
#   make demo   set up, swap a face without any download beyond PyPI, leave a picture and a video
#   make test   set up and run the tests (in CI: the slow ones and those on real devices too)
#   make check  format, lint, types, layers and tests: what CI asks for
#   make bench  speed of this machine, as ratios;  make proof-camera ...  our claims, checked
#   make mark-table  what the invisible mark outlives, measured: vcam/safeguards/MARK.md
PYTHON ?= python3
BIN := .venv/bin
MARKS := $(if $(CI),,-m "not slow and not device")

.PHONY: demo test check style bench lock clean mark-table proof-camera proof-desktop proof-networks proof-safeguards

demo: .venv/run-ready
	$(BIN)/facewarp demo --out demo-out

test: .venv/dev-ready
	$(BIN)/python -m pytest -q $(MARKS)

style: .venv/dev-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python scripts/check_layers.py

check: style test

bench: .venv/run-ready
	$(BIN)/facewarp bench

proof-camera proof-desktop proof-networks proof-safeguards: .venv/dev-ready
	$(BIN)/python -m vcam.proof $(@:proof-%=%)

mark-table: .venv/dev-ready
	$(BIN)/python -m tests.proof.mark_table

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "FaceWarp Cam needs Python 3.11 to 3.13; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/run-ready: .venv/bin/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev-ready: .venv/run-ready requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Both locks hold for every system and Python version we support; hashes are of the files on PyPI.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group build --output-file requirements.lock pyproject.toml
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --constraint requirements.lock --group dev --output-file requirements-dev.lock pyproject.toml

clean:
	rm -rf .venv demo-out proof .mypy_cache .ruff_cache .pytest_cache
