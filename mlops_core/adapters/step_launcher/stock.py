"""dagster-databricks' own step launcher from the same settings, for workspaces that need it.

It stages on the DBFS root, which the workspace must have enabled, starts a cluster for every step, and unpickles the
events that come back: whoever may write to the DBFS root may run code on the Dagster host.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import dagster as dg

from mlops_core.adapters.step_launcher.code_archive import loaded_code
from mlops_core.adapters.step_launcher.compute import RUNTIME_OWN, Compute, package_of
from mlops_core.adapters.step_launcher.settings import LauncherSettings

if TYPE_CHECKING:
    from dagster_databricks.databricks import DatabricksClient
    from dagster_databricks.types import DatabricksRunState

logger = logging.getLogger(__name__)


def stock_step_launcher(settings: LauncherSettings) -> dg.ResourceDefinition:
    """`databricks_pyspark_step_launcher`, configured when it is built: its import takes seconds and calls for pyspark.

    Credentials come from DATABRICKS_TOKEN, or from the client id and secret of a service principal; it knows no other
    of the unified authentication's ways.
    """
    code = loaded_code(settings.staged_packages)

    def build(context: dg.InitResourceContext) -> Iterator[Any]:
        if "DATABRICKS_RUNTIME_VERSION" in os.environ:  # the cluster makes the step's resources too, and ships nothing
            yield None
            return
        from dagster_databricks import DatabricksPySparkStepLauncher

        for remark in code.remarks:
            (context.log or logger).warning(remark)
        with TemporaryDirectory(prefix="dagster-code-") as folder:
            with ZipFile(BytesIO(code.zipped())) as archive:
                archive.extractall(folder)
            launcher = DatabricksPySparkStepLauncher(**stock_config(settings, os.environ, Path(folder)))
            _wait_for_results(launcher.databricks_runner.client)
            yield launcher

    return dg.ResourceDefinition(build, description="dagster-databricks' launcher: staged on DBFS, a cluster a step")


def _wait_for_results(client: DatabricksClient) -> None:
    """Let a run that is TERMINATING, without a result yet, still be running: for the stock launcher it has failed."""
    from dagster_databricks.types import DatabricksRunLifeCycleState as Life

    state_of = client.get_run_state

    def get_run_state(databricks_run_id: int) -> DatabricksRunState:
        state = state_of(databricks_run_id)
        is_ending = state.life_cycle_state is Life.TERMINATING and state.result_state is None
        return state._replace(life_cycle_state=Life.RUNNING) if is_ending else state

    client.get_run_state = get_run_state  # type: ignore[method-assign]


def stock_config(settings: LauncherSettings, environ: Mapping[str, str], code: Path) -> dict[str, Any]:
    """The arguments of the stock launcher, which zips everything in the folder `code`.

    Raises:
        ValueError: the compute or the environment has nothing that it could use.
    """
    if settings.compute.on_serverless:
        raise ValueError("databricks_pyspark_step_launcher knows no serverless compute: choose unity_catalog.")
    compute = settings.compute
    cluster = (
        {"existing": compute.existing_cluster_id} if compute.existing_cluster_id else {"new": _new_cluster(compute)}
    )
    libraries = [
        {"pypi": {"package": line}} for line in settings.installed_requirements if package_of(line) not in RUNTIME_OWN
    ]
    return {
        "run_config": {
            "run_name": "dagster",
            "cluster": cluster,
            "libraries": libraries,
            "install_default_libraries": True,
        },
        "permissions": {},
        "databricks_host": settings.workspace.host if settings.workspace else environ.get("DATABRICKS_HOST", ""),
        "env_variables": dict(settings.environment),
        "secrets_to_env_variables": [
            {"name": secret.variable, "scope": secret.scope, "key": secret.key} for secret in settings.secrets
        ],
        "storage": {},
        "staging_prefix": "/dagster_staging",
        "wait_for_logs": False,
        "max_completion_wait_time_seconds": settings.compute.timeout_s or 86_400,
        "poll_interval_sec": settings.timing.poll_s,
        "local_dagster_job_package_path": str(code),
        **_credentials(environ),
    }


def _new_cluster(compute: Compute) -> dict[str, Any]:
    """The Jobs API's cluster in the stock launcher's words, which group what says how many machines, and which."""
    cluster = compute.cluster({})
    size = _taken(cluster, "num_workers", "autoscale")
    pools = _taken(cluster, "instance_pool_id", "driver_instance_pool_id")
    types = _taken(cluster, "node_type_id", "driver_node_type_id")
    return {**cluster, "size": size or {"num_workers": 0}, "nodes": pools or {"node_types": types}}


def _taken(cluster: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: cluster.pop(name) for name in names if name in cluster}


def _credentials(environ: Mapping[str, str]) -> dict[str, Any]:
    if "DATABRICKS_TOKEN" in environ:
        return {"databricks_token": environ["DATABRICKS_TOKEN"]}
    names = {"client_id": "DATABRICKS_CLIENT_ID", "client_secret": "DATABRICKS_CLIENT_SECRET"}
    if all(name in environ for name in names.values()):
        return {"oauth_credentials": {key: environ[name] for key, name in names.items()}}
    azure = {
        "azure_client_id": "ARM_CLIENT_ID",
        "azure_client_secret": "ARM_CLIENT_SECRET",
        "azure_tenant_id": "ARM_TENANT_ID",
    }
    if all(name in environ for name in azure.values()):
        return {"azure_credentials": {key: environ[name] for key, name in azure.items()}}
    raise ValueError(
        "databricks_pyspark_step_launcher needs DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID with "
        "DATABRICKS_CLIENT_SECRET, or ARM_CLIENT_ID with ARM_CLIENT_SECRET and ARM_TENANT_ID."
    )
