"""Data quality monitors: they are made, become active, and their refreshes end; what they compute is not emulated."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.catalog import (
    MonitorInfo,
    MonitorInfoStatus,
    MonitorRefreshInfo,
    MonitorRefreshInfoState,
    QualityMonitorsAPI,
)

from my_mlops_stacks_tests.databricks_emulator.api import ApiError, Call, route
from my_mlops_stacks_tests.databricks_emulator.unity_catalog import BASE

MONITOR = f"{BASE}/tables/{{table_name}}/monitor"


class QualityMonitors:
    """`monitors` is what was asked for, by table; a status or a state is told once more before it changes."""

    def __init__(self) -> None:
        self.monitors: dict[str, dict[str, Any]] = {}
        self.statuses = [MonitorInfoStatus.MONITOR_STATUS_PENDING, MonitorInfoStatus.MONITOR_STATUS_ACTIVE]
        self.states = [MonitorRefreshInfoState.RUNNING, MonitorRefreshInfoState.SUCCESS]
        self.refreshes = 0

    @route("POST", MONITOR, QualityMonitorsAPI.create)
    def create(self, call: Call) -> MonitorInfo:
        self.monitors[call["table_name"]] = {"asked": dict(call.arguments), "told": 0}
        return self._info(call["table_name"])

    @route("GET", MONITOR, QualityMonitorsAPI.get)
    def get(self, call: Call) -> MonitorInfo:
        if call["table_name"] not in self.monitors:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Monitor for {call['table_name']} does not exist.")
        return self._info(call["table_name"])

    @route("POST", f"{MONITOR}/refreshes", QualityMonitorsAPI.run_refresh)
    def run_refresh(self, call: Call) -> MonitorRefreshInfo:
        self.refreshes += 1
        return self._refresh(MonitorRefreshInfoState.PENDING)

    @route("GET", f"{MONITOR}/refreshes/{{refresh_id}}", QualityMonitorsAPI.get_refresh)
    def get_refresh(self, call: Call) -> MonitorRefreshInfo:
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        return self._refresh(state)

    def _refresh(self, state: MonitorRefreshInfoState) -> MonitorRefreshInfo:
        return MonitorRefreshInfo(refresh_id=self.refreshes, state=state, start_time_ms=0, message="as it was asked")

    def _info(self, table: str) -> MonitorInfo:
        monitor = self.monitors[table]
        told = min(monitor["told"], len(self.statuses) - 1)
        monitor["told"] += 1
        return MonitorInfo(
            table_name=table,
            status=self.statuses[told],
            monitor_version="1",
            profile_metrics_table_name=f"{table}_profile_metrics",
            drift_metrics_table_name=f"{table}_drift_metrics",
            latest_monitor_failure_msg="it has no rows",
        )
