"""The configuration of a target, read from the bundle's files as the Databricks bundle CLI reads them, offline.

A variable gets the value that the bundle CLI would give it: the declared default, replaced by the target's own value
(whole, also for a mapping: the CLI merges nothing), replaced by the environment's `BUNDLE_VAR_<name>`. Variables and
resources that are a team's own pass untouched. What the CLI would skip over is an error here when it is about one of
ours: a blank value, a misspelt name, a key written twice.
"""

from mlops_core.config.endpoint import Endpoint, OnlineStore
from mlops_core.config.errors import TargetError, listed
from mlops_core.config.references import Value
from mlops_core.config.settings import BundleSettings, read_bundle
from mlops_core.config.target import ModelTarget, Target
from mlops_core.config.target_loading import load_target, variables_of
from mlops_core.config.target_values import is_full_name
from mlops_core.config.variables import ENVIRONMENT_PREFIX
from mlops_core.config.workflows import MonitoringWorkflow, Prices, Workflow
from mlops_core.config.workspace_address import (
    ON_CLUSTER,
    WorkspaceAddress,
    WrittenWorkspace,
    link,
    parsed_host,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "ON_CLUSTER",
    "BundleSettings",
    "Endpoint",
    "ModelTarget",
    "MonitoringWorkflow",
    "OnlineStore",
    "Prices",
    "Target",
    "TargetError",
    "Value",
    "Workflow",
    "WorkspaceAddress",
    "WrittenWorkspace",
    "is_full_name",
    "link",
    "listed",
    "load_target",
    "parsed_host",
    "read_bundle",
    "variables_of",
]
