"""Imports of the processes that follow steps: they take most of a second, unless inherited by forking.

For the server that step processes are forked from, and for nothing that the cluster or the code location imports.
"""

import databricks.sdk  # noqa: TID253 - this module is here for its imports
import databricks.sdk.errors  # noqa: TID253
import requests
import tenacity

from mlops_core.adapters.step_launcher import launcher

__all__ = ["databricks", "launcher", "requests", "tenacity"]
