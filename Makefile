# Everything a newcomer needs: `make run`, then `make dev`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Paths of make's rules are relative: the project may lie in a folder with a blank, and then so does DAGSTER_HOME, which
# only the shell is given. .venv may be a link (scripts/setup.sh), which Python must not see in its own path.
STATE := .local
export DAGSTER_HOME ?= $(CURDIR)/$(STATE)/dagster
MLFLOW_DB := $(STATE)/mlflow/mlflow.db
PY := "$$(cd .venv && pwd -P)/bin/python"

# A project is a folder with a databricks.yml. Commands are for this one, unless another is named: make run PROJECT=churn
PROJECT ?= my_mlops_stacks
PROJECTS := $(patsubst %/databricks.yml,%,$(wildcard */databricks.yml))
CHOSEN = $(if $(and $(filter 1,$(words $(PROJECT))),$(filter $(PROJECTS),$(PROJECT))),$(PROJECT),$(error There is no project "$(PROJECT)" here: name one of $(PROJECTS)))

.PHONY: help
help: ## List what can be made
	@grep -hE '^[a-z._-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/.ready $(MLFLOW_DB) ## Install the project into .venv (the others do it when needed)
	@mkdir -p "$$DAGSTER_HOME" && chmod go= $(STATE)
	@if [ dagster.local.yaml -nt "$$DAGSTER_HOME/dagster.yaml" ]; then cp dagster.local.yaml "$$DAGSTER_HOME/dagster.yaml"; fi

.venv/.ready: setup.py setup.cfg pyproject.toml constraints.txt
	@scripts/setup.sh

$(MLFLOW_DB): | .venv/.ready
	@echo "Creating MLflow's database" && $(PY) -m mlops_core.adapters.mlflow_database $@

.PHONY: run
run: setup ## Run the whole pipeline here: on rows of your own where they are named, else on generated ones
	@$(PY) -m $(CHOSEN)

.PHONY: demo-drift
demo-drift: setup ## Watch labels drift: the check fails, the sensor retrains, the error falls back (a minute or two)
	@$(PY) -m $(CHOSEN) demo-drift

.PHONY: demo-arrival
demo-arrival: setup ## Watch data arrive, late rows and a correction among them: which days are built, and why (a minute)
	@$(PY) -m $(CHOSEN) demo-arrival

.PHONY: dev
dev: setup ## Open the asset graph (http://127.0.0.1:3000), the pages of each day (3001), runs and models (3002)
	@exec $(PY) -m $(CHOSEN) dev

.PHONY: serve
serve: setup ## Serve the champion at http://127.0.0.1:3003/invocations, as MLflow and Databricks do, until Ctrl-C
	@exec $(PY) -m $(CHOSEN) serve

.PHONY: demo-dev
demo-dev: setup ## Open the same of what demo-drift has left, at http://127.0.0.1:3010; of demo-arrival with DEMO=arrival (3020)
	@exec $(PY) -m $(CHOSEN) dev --demo $(or $(DEMO),drift)

# All of them, unless a project is named.
TESTS = $(if $(filter file,$(origin PROJECT)),,$(CHOSEN)_tests)

.PHONY: test
test: setup ## Run the tests; those of one project with PROJECT=
	@$(PY) -m pytest $(TESTS) -n 3 --dist worksteal

.PHONY: test-slow
test-slow: setup ## Run the proofs that take longer
	@scripts/install_for_slow_tests.sh
	@$(PY) -m pytest $(TESTS) -m slow -n 3 --dist loadfile --no-loadscope-reorder --durations 15

.PHONY: deploy-tools
deploy-tools: ## Install Helm, Dagster's charts and the Azure CLI, with which test-slow tries deploy/ and the guides (a few minutes)
	@scripts/install_deploy_tools.sh

.PHONY: smoke
smoke: setup ## Confirm on a real workspace what only it can confirm: make smoke TARGET=dev
	@MLOPS_TARGET=$(or $(TARGET),dev) $(PY) -m $(CHOSEN) smoke

.PHONY: doctor
doctor: setup ## Say what a target lacks before anything runs, and how to fix it: make doctor TARGET=staging
	@$(PY) -m $(CHOSEN) doctor --target $(or $(TARGET),local)

.PHONY: update-project
update-project: setup ## Bring a later version of the template into a project: make update-project PROJECT=churn
	@[ -f $(CHOSEN)/.copier-answers.yml ] || { echo "$(CHOSEN) was not made of the template: it has no .copier-answers.yml." >&2; exit 1; }
	@[ "$$(git rev-parse --is-shallow-repository)" = false ] || { echo "This clone is shallow, and lacks the template that $(CHOSEN) was made of: git fetch --unshallow" >&2; exit 1; }
	@$(PY) -W ignore::UserWarning -m copier update --defaults --vcs-ref HEAD --answers-file $(CHOSEN)/.copier-answers.yml
	@[ -z "$$(git ls-files --unmerged)" ] || { echo "Both changed the same lines: resolve the conflicts that git status lists." >&2; exit 1; }

.PHONY: lock
lock: ## Write constraints.txt anew, with the newest versions that setup.cfg allows
	@scripts/lock.sh

.PHONY: lint
lint: setup ## Check style, types and imports
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy $(addprefix -p ,$(wildcard mlops_core) $(PROJECTS))
	@$(PY) scripts/lint_imports.py

.PHONY: format
format: setup ## Rewrite the code in the project's style
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

.PHONY: clean
clean: ## Remove what running made: tables, models, run history (not .venv)
	@rm -rf $(STATE) .pytest_cache .hypothesis .ruff_cache .mypy_cache .import_linter_cache

-include repository.mk
