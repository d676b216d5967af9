"""What a target says reaches the step launcher."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from mlops_core.adapters.step_launcher.code_archive import loaded_code
from mlops_core.adapters.step_launcher.cost import Nodes, PriceTable, estimate
from mlops_core.adapters.step_launcher.settings import MACHINERY, SecretReference
from mlops_core.config import Prices, load_target
from mlops_core.defs.resources import build_resources, launcher_settings
from my_mlops_stacks.project import PROJECT


def test_the_cluster_gets_the_client_of_the_feature_store_and_the_host_never_does() -> None:
    """Its databricks-sdk is newer than dagster-databricks allows."""
    asked = {
        line.split("==")[0]
        for line in launcher_settings(PROJECT, load_target(PROJECT, "staging")).installed_requirements
    }
    assert {"databricks-feature-engineering", "dagster", "mlflow", "lightgbm"} < asked
    for file in ("setup.cfg", "constraints.txt", "my_mlops_stacks/requirements.txt", "Dockerfile", "scripts/setup.sh"):
        lines = [line for line in (PROJECT.folder.parent / file).read_text().splitlines() if not line.startswith("#")]
        assert "databricks-feature-engineering" not in "\n".join(lines)


def test_what_imports_under_a_lock_of_its_own_is_imported_before_steps_overlap() -> None:
    """MLflow's evaluators: two steps of a worker that imported at once have waited for each other for ever."""
    (name,) = launcher_settings(PROJECT, load_target(PROJECT, "staging")).imports
    assert find_spec(name) is not None


def test_secrets_reach_the_cluster_as_references() -> None:
    target = load_target(PROJECT, "dev").model_copy(update={"secrets": {"WEATHER_API_KEY": "pipeline/weather"}})
    settings = launcher_settings(PROJECT, target)
    assert settings.secrets == (SecretReference("WEATHER_API_KEY", "pipeline", "weather"),)


def test_the_code_is_read_when_the_definitions_are_made() -> None:
    loaded_code.cache_clear()
    build_resources(PROJECT, load_target(PROJECT, "staging"))
    assert loaded_code.cache_info().currsize == 1
    read = {name for name, _ in loaded_code((MACHINERY, PROJECT.folder)).files}
    assert {"my_mlops_stacks/databricks.yml", "mlops_core/validation/templates/report.md.j2"} < read
    assert loaded_code.cache_info().misses == 1


def test_prices_of_the_target_make_the_estimate() -> None:
    prices = {
        "dbu_per_hour": {"Standard_D4ds_v5": 1.0},
        "machine_price_per_hour": {"Standard_D4ds_v5": 0.25},
        "price_per_dbu": 0.5,
        "serverless_price_per_dbu": 0.75,
        "currency": "EUR",
    }
    settings = launcher_settings(PROJECT, load_target(PROJECT, "dev").model_copy(update={"prices": Prices(**prices)}))
    assert settings.prices == PriceTable(**prices)
    cost = estimate(1800, Nodes({"Standard_D4ds_v5": 3}), settings.prices)
    assert (cost.dbu, cost.money, cost.currency) == (1.5, 3 * 0.5 * (0.5 + 0.25), "EUR")


def test_the_standard_variables_win_over_the_file_and_go_to_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_HOST", "https://adb-9.azuredatabricks.net")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    settings = launcher_settings(PROJECT, load_target(PROJECT, "staging"))
    assert settings.workspace.host == "https://adb-9.azuredatabricks.net"
    assert settings.environment["MLOPS_WORKSPACE"] == "https://adb-9.azuredatabricks.net"
    assert settings.environment["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:5000"
    assert settings.environment["MLOPS_TARGET"] == "staging"


@pytest.mark.parametrize(
    "address",
    [
        "https://ml:hunter2@tracking.example.com",
        "https://hunter2@tracking.example.com",
        "https://tracking.example.com/?token=hunter2",
        "https://tracking.example.com/ml?a=1&password=hunter2",
        "https://x.blob.core.windows.net/ml?sv=2024&sig=hunter2",
    ],
)
def test_an_address_with_a_secret_is_not_staged_unless_as_a_reference(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    target = load_target(PROJECT, "staging")
    with pytest.raises(ValueError, match="MLFLOW_TRACKING_URI has a .*SecretReference") as error:
        launcher_settings(PROJECT, target)
    assert "hunter2" not in str(error.value)
    as_secret = target.model_copy(update={"secrets": {"MLFLOW_TRACKING_URI": "pipeline/tracking"}})
    settings = launcher_settings(PROJECT, as_secret)
    assert "MLFLOW_TRACKING_URI" not in settings.environment
    assert settings.secrets == (SecretReference("MLFLOW_TRACKING_URI", "pipeline", "tracking"),)
