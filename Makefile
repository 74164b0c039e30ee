# make demo [EML=path/to/message.eml] [ONCE=1]   a real seed test in an embedded mail world
# make test                                      everything, with real servers where they can be had
# make lint                                      ruff and mypy alone
# make fuzz [SECONDS=3600]                       hostile bytes against the engine's readers, a minute unless told
# make chaos SEED=7 [SECONDS=60]                 a storm of kills and freezes, and what the tables say afterwards (docs/faults.md)
# make bench                                     what looking into mailboxes costs, beside other ways (docs/benchmarks.md)

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint bench fuzz chaos
.NOTPARALLEL:

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# The first Python >= 3.11 that can make virtual environments; PYTHON=... chooses another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		&& { echo $$python; break; }; done)

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

venv: .venv/.installed-dev

.venv/.made:
	@test -n "$(PYTHON)" || { \
		echo "No Python 3.11 or newer with the venv module was found on the PATH."; \
		echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3 ..."; \
		exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.installed-demo: .venv/.made requirements.txt requirements-demo.txt
	@echo "Installing what the demo needs into .venv (once, about a minute)"
	@$(PIP) -r requirements-demo.txt
	@touch $@

.venv/.installed-dev: .venv/.made requirements.txt requirements-demo.txt requirements-dev.txt
	@echo "Installing what the tests need into .venv (once, about a minute)"
	@$(PIP) -r requirements-dev.txt
	@touch .venv/.installed-demo $@

demo: .venv/.installed-demo
	@$(BIN)/python manage.py demo $(if $(EML),--eml "$(EML)") $(if $(ONCE),--once)

lint: .venv/.installed-dev
	@status=0; \
	for check in "ruff check ." "ruff format --check ." "mypy --strict placement"; do \
		echo "$$check"; $(BIN)/$$check || status=1; \
	done; exit $$status

SECONDS ?= 60
fuzz: .venv/.installed-dev
	@$(BIN)/python -m tests.placement.fuzz $(SECONDS)

SEED ?= 1
chaos: .venv/.installed-dev
	@$(BIN)/python -m tests.live.chaos --seed $(SEED) --seconds $(SECONDS)

# Tests run on every core (up to four). Those with real servers mostly wait for them: two at a time on any machine,
# each with servers of its own.
AT_ONCE ?= -n auto --maxprocesses 4
LIVE_AT_ONCE ?= -n 2 --dist loadfile

# Every part runs, also after one that failed; the last lines say what failed.
PART := scripts/test-parts run
test: .venv/.installed-dev
	@scripts/test-parts begin
	-@$(PART) 'Servers for the live tests' scripts/install-test-servers
	-@$(PART) 'Lint and types' $(MAKE) --no-print-directory lint
	-@$(PART) 'The engine: tests/placement' $(BIN)/pytest $(AT_ONCE) tests/placement
	-@$(PART) 'Fuzz: the readers of the engine' $(MAKE) --no-print-directory fuzz
	-@$(PART) 'The service: tests/seedtest' $(BIN)/pytest $(AT_ONCE) tests/seedtest
	-@$(PART) 'Real servers: tests/live' $(BIN)/pytest $(LIVE_AT_ONCE) tests/live --durations=25
	-@$(PART) 'Chaos: three storms of a minute' $(MAKE) --no-print-directory chaos SEED='1 2 3'
	@scripts/test-parts end

.venv/.installed-bench: .venv/.installed-dev tests/bench/requirements.txt
	@$(PIP) -r tests/bench/requirements.txt
	@touch $@

bench: .venv/.installed-bench
	@scripts/install-test-servers
	@$(BIN)/python -m tests.bench
