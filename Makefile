# `make` alone lists what can be done. PYTHON=, PORT=, HOST= and ARGS= may be given.
# Paths are relative on purpose: a space in the folder's own path does no harm.

PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
ARGS ?=
# Two cores serve three processes: some test always waits for a server, a browser or a pause.
JOBS ?= 3
# The slow tests wait more than they work.
SLOW_JOBS ?= 4
# A file's stories share what they stand on, so one worker runs them all.
BY_FILE = --dist loadfile --no-loadscope-reorder

IN_VENV = .venv/bin/python
UV = $(IN_VENV) -m uv
LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes
WITH_SERVICES = $(IN_VENV) -m closeboard.up run

export UV_PYTHON_DOWNLOADS = never
# A run starts a hundred Python processes: each would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install install-dev demo reset test test-slow lint check-format check-style check-templates check-types check-imports check-migrations format bench lock clean
.DEFAULT_GOAL = help

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

install: .venv/.demo  ## the environment in .venv that Closeboard runs in
	@echo 'The environment in .venv is up to date.'
install-dev: .venv/.dev  ## the same, with what the tests and checks need
	@echo 'The environment in .venv is up to date.'

demo: .venv/.demo  ## the whole product with a demo group, http://localhost:8000 (PORT=, HOST=)
	@exec $(IN_VENV) -m closeboard.up demo --host "$(HOST)" --port "$(PORT)"

reset: .venv/.demo  ## forget the demo's data
	@exec $(IN_VENV) -m closeboard.up reset

test: .venv/.dev  ## the tests, on real PostgreSQL, Valkey, workers and browser (ARGS="tests/periods -k x")
	@$(IN_VENV) -m tests.browser_binary
	@exec $(WITH_SERVICES) -- $(IN_VENV) -m pytest -n $(JOBS) $(BY_FILE) $(ARGS)

test-slow: .venv/.dev  ## the slow tests: processes killed, a whole demo started and stopped, properties at length
	@$(IN_VENV) -m tests.browser_binary
	@EXAMPLES=many exec $(WITH_SERVICES) -- $(IN_VENV) -m pytest -n $(SLOW_JOBS) --dist loadgroup -m "slow or hypothesis" $(ARGS)

lint: .venv/.dev  ## style, templates, types, the direction of imports, migrations of every model
	@$(MAKE) --no-print-directory --keep-going check-format check-style check-templates check-types check-imports check-migrations

check-format:
	$(IN_VENV) -m ruff format --check --quiet .
check-style:
	$(IN_VENV) -m ruff check --quiet .
check-templates:
	$(IN_VENV) -m djlint templates --lint --quiet
# The Django plugin of mypy loads the settings; nothing connects to that address.
check-types:
	DATABASE_URL=postgresql://types@/only $(IN_VENV) -m mypy
check-imports:
	.venv/bin/lint-imports
# tests.no_database has no database at all; the address only satisfies the settings that it starts from.
check-migrations:
	DATABASE_URL=postgresql://types@/only $(IN_VENV) manage.py makemigrations --check --dry-run --settings tests.no_database

format: .venv/.dev  ## let ruff write the style
	$(IN_VENV) -m ruff format .
	$(IN_VENV) -m ruff check --fix .

bench: .venv/.dev  ## our figures beside their baselines and limits, into bench/results.json (ONLY=P5 SIZE=small)
	@exec $(WITH_SERVICES) --profile bench -- $(IN_VENV) -m bench --only "$(ONLY)" --size "$(or $(SIZE),full)" $(ARGS)

lock: .venv/.demo  ## resolve requirements*.in anew (ARGS=--upgrade), with hashes
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) $(ARGS) -o requirements-dev.txt requirements-dev.in
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(LOCK) $(ARGS) -c requirements-dev.txt -o requirements.txt requirements.in

clean:  ## remove the environment and what tools left; the demo's data stays (make reset)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp that is older than its lock is made anew; nothing happens otherwise.

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Closeboard needs Python 3.11 or newer as python3, or name it: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'This Python cannot make virtual environments. On Debian: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Making the virtual environment in .venv'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

# uv is one of the locked packages, so its hashes are known before it is there.
.venv/.uv: requirements.txt | .venv/bin/python
	@awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements.txt > .venv/uv.txt
	@$(IN_VENV) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.txt
	@touch .venv/.uv

.venv/.demo: requirements.txt .venv/.uv
	@echo 'Installing what Closeboard runs on'
	@$(call install,requirements.txt)
	@touch .venv/.demo

.venv/.dev: requirements-dev.txt .venv/.uv
	@echo 'Installing what Closeboard and its tests run on'
	@$(call install,requirements-dev.txt)
	@touch .venv/.demo .venv/.dev

# Where pip is set up to use another index and uv is not, uv fails and pip does it, more slowly.
install = $(UV) pip install --quiet --compile-bytecode --python $(IN_VENV) --require-hashes -r $(1) || { \
	  echo 'uv could not install it; trying with pip' >&2; \
	  $(IN_VENV) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(1); }
