"""Where `databricks.sdk.runtime` finds `spark`, `dbutils` and `sc` on a cluster."""

from __future__ import annotations

from typing import Any

from emulated import config
from emulated.globals import namespace


class UserNamespaceInitializer:
    @staticmethod
    def getOrCreate() -> UserNamespaceInitializer:  # noqa: N802
        return UserNamespaceInitializer()

    def get_namespace_globals(self) -> dict[str, Any]:
        return namespace(config.load())
