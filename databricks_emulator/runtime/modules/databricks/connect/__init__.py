"""Databricks Connect on a cluster: its session is the runtime's."""

from __future__ import annotations

from typing import Any

from emulated import session


class _Builder:
    def getOrCreate(self) -> Any:  # noqa: N802
        return session.get()

    def serverless(self, enabled: bool = True) -> _Builder:
        return self


class DatabricksSession:
    builder = _Builder()
