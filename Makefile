# `make help` lists what one can do. Everything lives in .venv, made with the first of python3.11, 3.12 and 3.13 that is
# there, or with another one: make test PYTHON=/path/to/python3.12 VENV=.venv312

# The first that runs: a version manager has commands for versions that are not chosen, too, and those only complain.
RUNS = $(shell python$(1) -c "" 2>/dev/null && command -v python$(1))
PYTHON ?= $(firstword $(foreach version,3.11 3.12 3.13,$(call RUNS,$(version))) python3.11)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input
VERDICT := benchmarks/verdict
PYTEST := $(BIN)/python -m pytest -q -n 2 --dist loadfile

export RAY_USAGE_STATS_ENABLED := 0
export MLFLOW_DISABLE_TELEMETRY := true

.DEFAULT_GOAL := help
.PHONY: help install study test test-all test-services check bench records verdict verdict-small chaos ui

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: $(STAMP)  ## Create .venv and install cnn-study with exact versions (does nothing when up to date)

study: install  ## Run the study helmholtz-quick with everything local; prints where the results are
	@$(BIN)/cnn-study run helmholtz-quick

test: install  ## Run the tests that are not marked slow
	@$(PYTEST) -m "not slow and not services"

test-all: install  ## Run all tests but those of services
	@$(PYTEST) -m "not services"

test-services: install  ## Test with PostgreSQL (apt-get install postgresql) and an S3 server
	@$(PIP) install -c constraints.txt -e ".[services]"
	@$(BIN)/python -m pytest -q -m services tests/services

check: install  ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

bench: install  ## Measure what exact multipliers cost, how constraints decay, what a projection keeps, what tracking costs
	@$(BIN)/python -m benchmarks.multipliers
	@$(BIN)/python -m benchmarks.decay
	@$(BIN)/python -m benchmarks.projection --amplitude 2 --phase 0.2 --seed 0
	@$(BIN)/python -m benchmarks.efficiency
	@$(BIN)/python -m benchmarks.tracking

records: install  ## Solve the problems of the peers' records, an hour of a core, and by classical methods
	@$(BIN)/python -m benchmarks.peers
	@$(BIN)/python -m benchmarks.classical

verdict: install  ## Compare all methods on six problems, about seven hours of two cores; goes on where it was
	@$(BIN)/cnn-study compare $(addprefix $(VERDICT)/,helmholtz.yaml pythagorean.yaml viscous-flow.yaml poisson.yaml \
	  kovasznay.yaml heat-source.yaml) --trials 20 --seeds 3 --seconds 60 --name verdict

verdict-small: install  ## The same with four methods on two problems, in a quarter of an hour
	@$(BIN)/cnn-study compare $(VERDICT)/helmholtz.yaml $(VERDICT)/poisson.yaml \
	  $(addprefix --only ,soft-adam-lbfgs augmented-lagrangian null-space from-scratch) \
	  --trials 3 --seeds 2 --name verdict-small

chaos: install  ## Kill the processes of a study at random moments; it must end as if nothing had happened
	@$(BIN)/python -m tests.study.driver.chaos

ui: install  ## Open the results in the MLflow UI
	@$(BIN)/cnn-study ui

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing; install Python 3.11, 3.12 or 3.13, or write make PYTHON=/path/to/python" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "[1/3] creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "[2/3] installing torch"
	@$(PIP) install -c constraints.txt torch
	@echo "[3/3] installing cnn-study and its other dependencies (some minutes)"
	@$(PIP) install -c constraints.txt -e ".[test,dev]"
	@touch $@
