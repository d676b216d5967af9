# Everything a newcomer needs: `make run`, then `make dev`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Paths of make's rules are relative: the project may lie in a folder with a blank, and then so does DAGSTER_HOME, which
# only the shell is given. .venv may be a link (scripts/setup.sh), which Python must not see in its own path.
STATE := .local
export DAGSTER_HOME ?= $(CURDIR)/$(STATE)/dagster
MLFLOW_DB := $(STATE)/mlflow/mlflow.db
PY := "$$(cd .venv && pwd -P)/bin/python"

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/.ready $(MLFLOW_DB) ## Install the project into .venv (the others do it when needed)
	@mkdir -p "$$DAGSTER_HOME"
	@if [ dagster.local.yaml -nt "$$DAGSTER_HOME/dagster.yaml" ]; then cp dagster.local.yaml "$$DAGSTER_HOME/dagster.yaml"; fi

.venv/.ready: setup.cfg pyproject.toml constraints.txt
	@scripts/setup.sh

$(MLFLOW_DB): | .venv/.ready
	@echo "Creating MLflow's database" && $(PY) -m mlops_core.adapters.mlflow_database $@

.PHONY: run
run: setup ## Run the whole pipeline here: on TRIPS_PATH when set, else on generated trips
	@$(PY) -m my_mlops_stacks

.PHONY: demo-drift
demo-drift: setup ## Watch labels drift: the check fails, the sensor retrains, the error falls back (a minute or two)
	@$(PY) -m my_mlops_stacks demo-drift

.PHONY: dev
dev: setup ## Open the asset graph (http://127.0.0.1:3000), the pages of each day (3001), runs and models (3002)
	@exec $(PY) -m my_mlops_stacks dev

.PHONY: demo-dev
demo-dev: setup ## Open the same of what demo-drift has left, at http://127.0.0.1:3010
	@exec $(PY) -m my_mlops_stacks dev --demo

.PHONY: test
test: setup ## Run the tests
	@$(PY) -m pytest -n 2 --dist worksteal

.PHONY: test-slow
test-slow: setup ## Run the proofs that take longer
	@scripts/install_for_slow_tests.sh
	@$(PY) -m pytest -m slow -n 2 --dist loadfile

.PHONY: test-contract
test-contract: ## Hold Databricks' own feature engineering client to the contract of the local one (licensed for use with Databricks)
	@scripts/test_contract.sh

.PHONY: rehearse
rehearse: setup ## Run the pipeline of staging on an emulated Databricks workspace
	@$(PY) -m my_mlops_stacks_tests.rehearsal

.PHONY: smoke
smoke: setup ## Confirm on a real workspace what only it can confirm: make smoke TARGET=dev
	@MLOPS_TARGET=$(or $(TARGET),dev) $(PY) -m my_mlops_stacks smoke

.PHONY: doctor
doctor: setup ## Say what a target lacks before anything runs, and how to fix it: make doctor TARGET=staging
	@$(PY) -m my_mlops_stacks doctor --target $(or $(TARGET),local)

.PHONY: benchmark
benchmark: setup ## Measure features, join and scoring beside Apache Spark, DuckDB, Polars and LightGBM (needs Java)
	@scripts/setup.sh benchmark && $(PY) -m benchmarks.feature_store

.PHONY: benchmark-launcher
benchmark-launcher: setup ## Measure both step launchers on an emulated workspace
	@$(PY) -m benchmarks.step_launcher

.PHONY: benchmark-partitions
benchmark-partitions: setup ## Measure the whole pipeline on 60 to 1,095 daily partitions: seconds and memory
	@$(PY) -m benchmarks.daily_partitions

.PHONY: lock
lock: ## Write constraints.txt anew, with the newest versions that setup.cfg allows
	@scripts/lock.sh

.PHONY: lint
lint: setup ## Check style, types and imports
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && $(PY) -c 'from importlinter.cli import lint_imports_command as lint; lint()' --no-logo

.PHONY: format
format: setup ## Rewrite the code in the project's style
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

.PHONY: cicd.tar.gz
cicd.tar.gz: setup ## Pack the pipelines' templates for another repository
	@$(PY) -m cicd.archive $@

.PHONY: clean
clean: ## Remove what running made: tables, models, run history (not .venv)
	@rm -rf $(STATE) .pytest_cache .hypothesis .ruff_cache .mypy_cache .import_linter_cache
