# Everything starts here. `make help` lists the verbs.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Two at a time, a file to a process: servers and databases of one test file are started once.
WORKERS ?= 2
ARGS ?=
# Tests and the demo start hundreds of servers and children: without caches each would compile the whole source again.
unexport PYTHONDONTWRITEBYTECODE

# --no-deps: the lock is complete. --no-build-isolation: what builds is locked too. Only bagit comes as source.
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq install --require-hashes --no-deps \
       --no-build-isolation --only-binary :all: --no-binary bagit

.PHONY: help setup demo serve test check test-all bench lock postgres azurite sdk peers sizes clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(VENV)/.runtime $(VENV)/.project ## make .venv with Freehold and what it needs

demo: $(VENV)/.demo $(VENV)/.project ## a real training run logged, exported, verified, erased, proved gone (ONCE=1 stops then)
	$(BIN)/freehold demo $(if $(ONCE),--once) $(ARGS)

serve: setup ## start the server (ARGS="--data DIR …")
	$(BIN)/freehold serve $(ARGS)

test: $(VENV)/.dev $(VENV)/.project postgres azurite sdk ## all tests, the long ones as seeded samples
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not exhaustive" --durations=40 --durations-min=5 $(ARGS)

check: $(VENV)/.dev $(VENV)/.project ## the fast loop: lint, types, imports, dependencies, unit tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/python -m scripts.lints
	$(BIN)/python -m scripts.call_pages --check
	$(BIN)/python -m scripts.catalogue_page --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry src
	$(BIN)/python -m pytest -q tests/unit tests/house $(ARGS)

test-all: $(VENV)/.dev $(VENV)/.project postgres azurite sdk ## everything: every kill point, both databases throughout, long fuzzing
	FREEHOLD_TEST_EXHAUSTIVE=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

bench: $(VENV)/.dev $(VENV)/.project ## the figures, beside MLflow's server on this machine
	$(BIN)/python -m benchmarks $(ARGS)

lock: $(VENV)/.dev ## resolve requirements/*.in into hash-locked requirements/*.txt (ARGS=--upgrade)
	scripts/lock.sh $(BIN)/uv $(ARGS)

postgres: ## find PostgreSQL's programs for the tests, or install them
	@scripts/postgres.sh

azurite: ## Azure's blob storage for the tests, into .tools (needs Node's npm)
	@scripts/azurite.sh

sdk: ## the Azure ML SDK v1 for the tests, into .tools (needs Python 3.11 on Linux x86-64)
	@scripts/sdk.sh $(PYTHON)

peers: $(VENV)/.dev ## mlflow-export-import for `make bench`, into .tools
	@rm -rf .tools/peers
	@$(BIN)/python -m pip --disable-pip-version-check -qq install --require-hashes --no-deps --target .tools/peers \
	    -r requirements/peers.txt

sizes: ## the longest functions and files
	@$(PYTHON) scripts/sizes.py

clean: ## remove what make made, but nobody's data
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The files below .venv say what is installed in it, so that a second call has nothing to do.
$(VENV)/.python:
	@scripts/venv.sh $(PYTHON) $(VENV)
	@touch $@

$(VENV)/.build: requirements/build.txt | $(VENV)/.python
	@$(PIP) -r $<
	@touch $@

$(VENV)/.runtime $(VENV)/.demo $(VENV)/.dev: $(VENV)/.%: requirements/%.txt | $(VENV)/.build
	@echo "Installing requirements/$*.txt into $(VENV) …"
	@$(PIP) -r $<
	@touch $@

$(VENV)/.project: pyproject.toml requirements/runtime.in src/freehold/__init__.py | $(VENV)/.build
	@$(BIN)/python -m pip --disable-pip-version-check -qq install --no-deps --no-build-isolation -e .
	@touch $@
