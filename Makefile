# Every target brings what it needs: on a machine with Python 3.11 or newer, `make demo` is enough.

SPEC ?= examples/digits.yaml
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := search_spaces latency_predictors nas workers api benchmarks tests hwnas.py

# PYTHON=... chooses the interpreter; otherwise the first of these that is new enough is taken.
PYTHON ?=
CANDIDATES := python3 python python3.13 python3.12 python3.14 python3.11
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

# Of tests: one thread each, nothing tells its maker, and the many processes they start find our bytecode.
# BESIDE: what tests train steps back, and would starve for minutes beside tests that do not.
BESIDE := nice -n 19
QUIET := OMP_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1 PYTHONDONTWRITEBYTECODE=

.DEFAULT_GOAL := help
.PHONY: help setup demo run check test clean

help: ## list the targets (default)
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with everything the product and its tests need

demo: $(STAMP) ## search on real images, measured on this machine: front, report and ONNX files in minutes
	@$(BIN)/hwnas demo

run: $(STAMP) ## search with a specification of yours: make run SPEC=my.yaml (default examples/digits.yaml)
	@$(BIN)/hwnas search $(SPEC)

check: $(STAMP) ## formatting, lint, types, import directions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(wildcard $(SOURCES))
	@$(BIN)/lint-imports

test: $(STAMP) ## all tests: four at a time, many of them wait; then, one by one, what times something
	@$(QUIET) $(BESIDE) $(BIN)/pytest -q -n 4 --dist loadfile --no-loadscope-reorder -m "not alone"
	@$(QUIET) $(BIN)/pytest -q -m alone $$(grep -rl --include='*.py' pytest.mark.alone tests)

clean: ## remove .venv and caches (results of runs stay)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(STAMP): pyproject.toml constraints.txt
	@set -e; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  python=""; \
	  for candidate in $(or $(PYTHON),$(CANDIDATES)); do \
	    if "$$candidate" -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then python="$$candidate"; break; fi; \
	  done; \
	  if [ -z "$$python" ]; then \
	    echo "hwnas needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || echo none)." >&2; \
	    echo "Install it (https://www.python.org/downloads), or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.12" >&2; \
	    exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$("$$python" --version) ..."; \
	  if ! "$$python" -m venv --clear $(VENV); then \
	    rm -rf $(VENV); \
	    echo "$$python cannot make a virtual environment. On Debian and Ubuntu: sudo apt install python3-venv; then run make again." >&2; \
	    exit 1; \
	  fi; \
	fi; \
	if [ -t 1 ]; then quiet=""; else quiet="-q"; fi; \
	echo "Installing the pinned packages into $(VENV) (once; one to three minutes) ..."; \
	$(BIN)/python -m pip install $$quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"; \
	touch $(STAMP)
