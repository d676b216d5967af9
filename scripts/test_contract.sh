#!/usr/bin/env bash
# Run the feature store's contract on Databricks' own client, in an environment of its own: its databricks-sdk is newer than
# dagster-databricks allows. The package is licensed for use in connection with Databricks.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=.venv-contract
packages=("databricks-feature-engineering>=0.18,<0.19" ipython "mlflow>=3.10,<4" "pandas>=2.2,<3" "pyspark[connect]>=4.1,<4.3"
    "pysail>=0.7.2,<0.8" "deltalake>=1.3,<2" filelock lightgbm "pydantic>=2.11,<3" "tenacity>=9,<10" "pytest>=8.3,<10" "hypothesis>=6.130,<7")
if command -v uv >/dev/null; then
    [ -x $environment/bin/python ] || uv venv --quiet --python "${PYTHON:-3.11}" $environment
    uv pip install --quiet --python $environment/bin/python "${packages[@]}"
else
    [ -x $environment/bin/python ] || "${PYTHON:-python3}" -m venv $environment
    $environment/bin/python -m pip install --quiet --disable-pip-version-check "${packages[@]}"
fi
# Dagster is not there, so what pyproject.toml says about its warnings is left out.
PYTHONPATH=. $environment/bin/python -m pytest -o filterwarnings= -o addopts=-ra \
    mlops_core_tests/adapters/feature_store/contract mlops_core_tests/adapters/feature_store/test_databricks.py
