# Every target does its own set-up: a virtual environment in .venv with pinned dependencies.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# What starts processes by the hundred compiles each module once, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup demo dashboard test test-long test-images check lint docs reference services bundle bench honesty clean

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that really starts; 3.11 and 3.12 come first, because everything runs on them.
FIND_PYTHON = for candidate in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$candidate"; exit 0; fi; done; \
	echo "ModelMon needs Python 3.11 or later; set PYTHON=/path/to/python3.12" >&2; exit 1
# Two workers share the cores: threads of numpy's algebra would only stand in their way.
PYTEST = OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest
# storey, which the stream function's tests import, has no wheels for later Pythons.
CHECK_PYTHON = $(BIN)/python -c 'import sys; sys.exit("the tests need Python 3.11 or 3.12: make clean, then PYTHON=/path/to/python3.12" if sys.version_info >= (3, 13) else 0)'

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.python:
	@python=$$($(FIND_PYTHON)); "$$python" -m venv $(VENV); $(BIN)/python -m pip install --quiet --upgrade pip; touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the demo's dependencies into $(VENV) …"
	@started=$$(date +%s); $(BIN)/pip install --quiet --constraint constraints.txt --editable '.[demo,stream]'; \
	echo $$(( $$(date +%s) - started )) > $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@$(CHECK_PYTHON)
	@echo "Installing the development dependencies into $(VENV) …"
	@$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'; touch $@

setup: $(VENV)/.dev ## make .venv with everything that developing needs

demo: $(VENV)/.demo ## a year of flights through the whole chain, on this machine alone
	@MODELMON_DEMO_INSTALL_SECONDS=$$(cat $(VENV)/.demo) $(BIN)/modelmon demo

dashboard: $(VENV)/.demo ## the page of what `make demo` has made, which is made first if it is not there; Ctrl-C ends it
	@[ -f modelmon-demo/.modelmon/records.db ] || $(MAKE) --no-print-directory demo
	@$(BIN)/modelmon dashboard --project-dir modelmon-demo

test: lint ## everything: style, types, layers, all tests (about a quarter of an hour, the first time longer)
	@$(PYTEST) -n 2 --dist loadgroup

test-long: lint ## the faults that `make test` repeats a few times, each in full (about an hour)
	@TEST_LONG=1 $(PYTEST) -n 2 --dist loadgroup -m long --timeout 3600

test-images: $(VENV)/.dev ## build every function's image by Docker and import it there (as root on Debian; else skipped)
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! { command -v dockerd && command -v debootstrap; } >/dev/null; then \
		echo "Installing docker.io and debootstrap …"; apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends docker.io debootstrap iproute2 >/dev/null; fi
	@$(BIN)/python -m pytest tests/images

# Bytecode is kept, whatever the environment says: both workers and what the tests start read it. A file's tests share
# what the file makes once. One process of lint works beside them, and is heard at the end.
check: $(VENV)/.dev ## the everyday loop: all but the slow and the long tests (under two minutes)
	@said=$$(mktemp); trap 'rm -f "$$said"' EXIT; $(MAKE) --no-print-directory lint >"$$said" 2>&1 & lint=$$!; failed=0; \
	TEST_FEW=1 PYTHONDONTWRITEBYTECODE= $(PYTEST) -n 2 --dist loadfile -m "not slow and not long and not e2e" || failed=$$?; \
	wait $$lint || failed=$$?; cat "$$said"; exit $$failed

lint: $(VENV)/.dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

reference: $(VENV)/.dev ## write the pages that the code writes itself: commands, Python API, settings
	@$(BIN)/python docs/reference_pages.py

docs: $(VENV)/.dev ## build the pages into build/docs; a warning is an error
	@$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going docs build/docs
	@echo "build/docs/index.html"

services: $(VENV)/.dev ## install Kafka (needs java and mvn), MLRun, NannyML, PostgreSQL, MariaDB and Prometheus (as root on Debian)
	@$(BIN)/python -m tests.services.install

bundle: $(VENV)/.dev ## dist/functions/<name>/: folders that nuctl deploy takes
	@$(BIN)/modelmon bundle

bench: $(VENV)/.dev ## measure against limits taken in the same run; writes build/bench.json
	@PYTHONPATH=tests $(BIN)/python -m tests.bench

honesty: $(VENV)/.dev ## measure false alarms and power of verdicts; writes build/honesty.json and its page (an hour)
	@PYTHONPATH=tests $(BIN)/python -m tests.honesty

clean: ## remove .venv, build output and caches
	@rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
