"""dagster-databricks' own step launcher from the same settings, for workspaces that need it.

It stages on the DBFS root, which the workspace must have enabled, and starts a cluster for every step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from my_mlops_stacks.adapters.step_launcher.compute import RUNTIME_OWN, package_of
from my_mlops_stacks.adapters.step_launcher.settings import PACKAGE, LauncherSettings


def stock_step_launcher(settings: LauncherSettings) -> dg.ResourceDefinition:
    """`databricks_pyspark_step_launcher`, configured when it is built: its import takes seconds and calls for pyspark.

    Credentials come from DATABRICKS_TOKEN, or from the client id and secret of a service principal; it knows no other
    of the unified authentication's ways.
    """

    def build(_: dg.InitResourceContext) -> Any:
        from dagster_databricks import DatabricksPySparkStepLauncher

        return DatabricksPySparkStepLauncher(**stock_config(settings, os.environ))

    return dg.ResourceDefinition(build, description="dagster-databricks' launcher: staged on DBFS, a cluster a step")


def stock_config(settings: LauncherSettings, environ: Mapping[str, str]) -> dict[str, Any]:
    """The arguments of the stock launcher.

    Raises:
        ValueError: the compute or the environment has nothing that it could use.
    """
    if settings.compute.on_serverless:
        raise ValueError("databricks_pyspark_step_launcher knows no serverless compute: choose unity_catalog.")
    compute = settings.compute
    cluster = {"existing": compute.existing_cluster_id} if compute.existing_cluster_id else {"new": compute.cluster({})}
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
        "databricks_host": settings.host or environ.get("DATABRICKS_HOST", ""),
        "env_variables": dict(settings.environment),
        "secrets_to_env_variables": [
            {"name": secret.variable, "scope": secret.scope, "key": secret.key} for secret in settings.secrets
        ],
        "storage": {},
        "staging_prefix": "/dagster_staging",
        "wait_for_logs": False,
        "max_completion_wait_time_seconds": settings.compute.timeout_s or 86_400,
        "poll_interval_sec": settings.timing.poll_s,
        "local_dagster_job_package_path": str(Path(PACKAGE).parent),
        **_credentials(environ),
    }


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
