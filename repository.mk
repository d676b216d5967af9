# What concerns this repository alone, and no project that left it.

.PHONY: new-project
new-project: setup ## Make a project from a table of your own: make new-project NAME=churn, or ARGS="--help"
	@$(PY) -m mlops_core.cli.new $(NAME) $(ARGS)

.PHONY: wheel
wheel: setup ## Build the machinery alone as a wheel in dist/, for a package feed
	@$(PY) scripts/build_wheel.py dist

.PHONY: test-contract
test-contract: ## Hold Databricks' own feature engineering client to the contract of the local one (licensed for use with Databricks)
	@scripts/test_contract.sh

.PHONY: rehearse
rehearse: setup ## Run the pipeline of staging on an emulated Databricks workspace
	@$(PY) -m my_mlops_stacks_tests.rehearsal

.PHONY: benchmark
benchmark: setup ## Measure features, join and scoring beside Apache Spark, DuckDB, Polars and LightGBM (needs Java)
	@scripts/setup.sh benchmark && $(PY) -m benchmarks.feature_store

.PHONY: benchmark-launcher
benchmark-launcher: setup ## Measure both step launchers on an emulated workspace
	@$(PY) -m benchmarks.step_launcher

.PHONY: benchmark-training
benchmark-training: setup ## Measure the memory and seconds of training and validation on 0.1, 1 and 3 million trips
	@$(PY) -m benchmarks.training_memory

.PHONY: benchmark-partitions
benchmark-partitions: setup ## Measure the whole pipeline on 60 to 1,095 daily partitions: seconds and memory
	@$(PY) -m benchmarks.daily_partitions

.PHONY: benchmark-serving
benchmark-serving: setup ## Measure requests of single rows to make serve, beside MLflow's server with the bare model; after make run
	@$(PY) -m benchmarks.serving

.PHONY: cicd.tar.gz
cicd.tar.gz: setup ## Pack what sets up CI/CD in a repository that has the archive alone
	@$(PY) -m cicd.archive $@
