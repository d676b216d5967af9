"""Data quality monitors: they are made, become active, and their refreshes end; what they compute is not emulated."""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.catalog import (
    MonitorInfo,
    MonitorInfoStatus,
    MonitorRefreshInfo,
    MonitorRefreshInfoState,
    MonitorRefreshListResponse,
    QualityMonitorsAPI,
)

from databricks_emulator.api import ApiError, Call, route
from databricks_emulator.unity_catalog import BASE, UnityCatalog

MONITOR = f"{BASE}/tables/{{table_name}}/monitor"


class QualityMonitors:
    """`monitors` is what was asked for, by table; a status or a state is told once more before it changes.

    Only a table that exists has one, and one that is made begins to refresh by itself.
    """

    def __init__(self, unity_catalog: UnityCatalog) -> None:
        self._unity_catalog = unity_catalog
        self.monitors: dict[str, dict[str, Any]] = {}
        self.statuses = [MonitorInfoStatus.MONITOR_STATUS_PENDING, MonitorInfoStatus.MONITOR_STATUS_ACTIVE]
        self.states = [MonitorRefreshInfoState.RUNNING, MonitorRefreshInfoState.SUCCESS]
        self.is_refreshed_when_made = True
        self.refreshes: list[MonitorRefreshInfo] = []

    @route("POST", MONITOR, QualityMonitorsAPI.create)
    def create(self, call: Call) -> MonitorInfo:
        self._unity_catalog.table(call["table_name"])
        if call["table_name"] in self.monitors:
            raise ApiError(400, "ALREADY_EXISTS", f"Monitor for {call['table_name']} already exists.")
        self.monitors[call["table_name"]] = {"asked": dict(call.arguments), "told": 0}
        if self.is_refreshed_when_made:
            self._begin()
        return self._info(call["table_name"])

    @route("GET", MONITOR, QualityMonitorsAPI.get)
    def get(self, call: Call) -> MonitorInfo:
        self._unity_catalog.table(call["table_name"])
        if call["table_name"] not in self.monitors:
            raise ApiError(404, "RESOURCE_DOES_NOT_EXIST", f"Monitor for {call['table_name']} does not exist.")
        return self._info(call["table_name"])

    @route("POST", f"{MONITOR}/refreshes", QualityMonitorsAPI.run_refresh)
    def run_refresh(self, call: Call) -> MonitorRefreshInfo:
        return self._begin()

    @route("GET", f"{MONITOR}/refreshes", QualityMonitorsAPI.list_refreshes)
    def list_refreshes(self, call: Call) -> MonitorRefreshListResponse:
        return MonitorRefreshListResponse(self.refreshes)

    @route("GET", f"{MONITOR}/refreshes/{{refresh_id}}", QualityMonitorsAPI.get_refresh)
    def get_refresh(self, call: Call) -> MonitorRefreshInfo:
        refresh = self.refreshes[int(call["refresh_id"]) - 1]
        refresh.state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        return refresh

    def _begin(self) -> MonitorRefreshInfo:
        number = len(self.refreshes) + 1
        begun = MonitorRefreshInfo(number, MonitorRefreshInfoState.PENDING, number, message="as it was asked")
        self.refreshes.append(begun)
        return begun

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
