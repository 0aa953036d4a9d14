# `make` lists the targets. The machine needs Python 3.11 or newer and make, nothing else:
# every target sets up what it uses in .venv. Options go through ARGS="…"; PYTHON="…" names another Python.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Recipes are silent and set-up speaks on standard error, so that standard output is the program's alone.
MAKEFLAGS += --no-print-directory
.SILENT:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(READY) ## see leads being scored live; ARGS="--events 20000 --json" for a summary
	$(BIN)/leadstream demo $(ARGS)

.PHONY: test
test: $(READY) ## run the tests; ARGS="-k routing" for some of them
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder --ignore=tests/benchmarks $(ARGS)

.PHONY: figures
figures: $(READY) ## show that published figures are reached, and that an event takes no more work than it did
	$(BIN)/pytest tests/benchmarks $(ARGS)

.PHONY: faults
faults: $(READY) ## kill workers and brokers under load, then check; ARGS="--kills 100 --broker-kills 20"
	PYTHONPATH=tests $(BIN)/python -m faults $(ARGS)

.PHONY: fuzz
fuzz: $(READY) ## give every decoder bad input; ARGS="--inputs 1000000 --json" for more of it
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: bench
bench: $(READY) ## measure on this machine; ARGS="latency --json"
	$(BIN)/leadstream bench $(ARGS)

.PHONY: lint
lint: $(READY) ## check style, types, the rooms' walls, and that generated files are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r schemas online_models stream
	$(BIN)/leadstream schemas --check
	$(BIN)/python -m stream.documentation --check README.md

.PHONY: schemas
schemas: $(READY) ## write schemas/json anew from the models
	$(BIN)/leadstream schemas

.PHONY: readme
readme: $(READY) ## write the README's tables of settings, topics and metrics anew
	$(BIN)/python -m stream.documentation README.md

.PHONY: setup
setup: $(READY) ## make .venv, with leadstream and its tools in it

.PHONY: clean
clean: ## remove .venv, caches and builds
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define CHECK_PYTHON
import sys
say = f"{sys.executable} is Python {sys.version.split()[0]}"
remedy = "for example: make setup PYTHON=python3.12"
if sys.version_info < (3, 11):
    sys.exit(f"{say}, leadstream needs 3.11 or newer: install one and name it, {remedy}")
try:
    import ensurepip, venv
except ImportError as error:
    package = "python%d.%d-venv" % sys.version_info[:2]
    sys.exit(
        f"{say} without its {error.name} module: install it (on Debian and Ubuntu: "
        f"apt-get install {package}), or name another Python, {remedy}"
    )
endef
export CHECK_PYTHON

# The stamp is written last: a set-up that was interrupted starts over.
$(READY): pyproject.toml
	{ command -v $(PYTHON) >/dev/null || { \
	    echo "there is no $(PYTHON): install Python 3.11 or newer, or name one, for example: make setup PYTHON=python3.12"; \
	    exit 1; }; \
	  $(PYTHON) -c "$$CHECK_PYTHON" || exit 1; \
	  echo "setting up $(VENV), which is done once and takes about a minute"; \
	  if [ -e $@ ]; then $(PYTHON) -m venv $(VENV); else $(PYTHON) -m venv --clear $(VENV); fi && \
	  $(BIN)/python -m pip install --quiet --upgrade pip && \
	  $(BIN)/python -m pip install --quiet --editable '.[test,browser,lint,fuzz,language,neural,plots,simulation,warehouse]' && \
	  touch $@; \
	} >&2
