# Everything a newcomer needs: `make run`, then `make dev`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

STATE := $(CURDIR)/.local
export DAGSTER_HOME ?= $(STATE)/dagster
MLFLOW_DB := $(STATE)/mlflow/mlflow.db
BIN := .venv/bin

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z.-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/.ready $(DAGSTER_HOME)/dagster.yaml $(MLFLOW_DB) ## Install the project into .venv (the others do it when needed)

.venv/.ready: setup.cfg pyproject.toml constraints.txt
	@scripts/setup.sh

$(DAGSTER_HOME)/dagster.yaml: dagster.local.yaml
	@mkdir -p $(DAGSTER_HOME) && cp dagster.local.yaml $@

$(MLFLOW_DB): | .venv/.ready
	@echo "Creating MLflow's database" && mkdir -p $(@D) && $(BIN)/mlflow db upgrade sqlite:///$@ >/dev/null 2>&1

.PHONY: run
run: setup ## Run the whole pipeline here: on TRIPS_PATH when set, else on generated trips
	@$(BIN)/python -m my_mlops_stacks

.PHONY: demo-drift
demo-drift: setup ## Watch fares change: the check fails, the sensor retrains, the error falls back (a minute or two)
	@$(BIN)/python -m my_mlops_stacks.demo_drift

.PHONY: dev
dev: setup ## Open the asset graph in the Dagster UI, http://127.0.0.1:3000
	@$(BIN)/dagster dev --workspace workspace.yaml --host 127.0.0.1

.PHONY: mlflow
mlflow: setup ## Open the runs and models in MLflow, http://127.0.0.1:5000
	@$(BIN)/mlflow ui --host 127.0.0.1 --backend-store-uri sqlite:///$(MLFLOW_DB)

.PHONY: test
test: setup ## Run the tests
	@$(BIN)/pytest -n 2 --dist worksteal

.PHONY: test-slow
test-slow: setup ## Run the proofs that take longer
	@scripts/install_postgresql.sh
	@$(BIN)/pytest -m slow -n 2 --dist loadfile

.PHONY: test-contract
test-contract: ## Hold Databricks' own feature engineering client to the twin's contract (licensed for use with Databricks)
	@scripts/test_contract.sh

.PHONY: rehearse
rehearse: setup ## Run the pipeline of staging on an emulated Databricks workspace
	@$(BIN)/python -m my_mlops_stacks_tests.rehearsal

.PHONY: smoke
smoke: setup ## Confirm on a real workspace what only it can confirm: make smoke TARGET=dev
	@MLOPS_TARGET=$(or $(TARGET),dev) $(BIN)/python -m my_mlops_stacks.smoke

.PHONY: doctor
doctor: setup ## Say what a target lacks before anything runs, and how to fix it: make doctor TARGET=staging
	@$(BIN)/python -m my_mlops_stacks.doctor --target $(or $(TARGET),local)

.PHONY: benchmark
benchmark: setup ## Measure features, join and scoring beside Apache Spark, DuckDB, Polars and LightGBM (needs Java)
	@scripts/setup.sh benchmark && $(BIN)/python -m benchmarks.feature_store

.PHONY: benchmark-launcher
benchmark-launcher: setup ## Measure both step launchers on an emulated workspace
	@$(BIN)/python -m benchmarks.step_launcher

.PHONY: lock
lock: ## Write constraints.txt anew, with the newest versions that setup.cfg allows
	@scripts/lock.sh

.PHONY: lint
lint: setup ## Check style and imports
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && PATH=$(BIN):$$PATH lint-imports --no-logo

.PHONY: format
format: setup ## Rewrite the code in the project's style
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

.PHONY: cicd.tar.gz
cicd.tar.gz: setup ## Pack the pipelines' templates for another repository
	@$(BIN)/python -m cicd.archive $@

.PHONY: clean
clean: ## Remove what running made: tables, models, run history (not .venv)
	@rm -rf $(STATE) .pytest_cache .hypothesis .ruff_cache .import_linter_cache
