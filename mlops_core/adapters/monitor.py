"""Databricks' own data quality monitor of the predictions, for the dashboard that the workspace makes of it.

It stands beside our monitor tables, and nothing here reads it: ours are the same on every target, and have the fares,
which the predictions table does not. Its tables are `predictions_profile_metrics` and `predictions_drift_metrics`.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from my_mlops_stacks.training.columns import INPUT_COLUMNS

from mlops_core.adapters.databricks_client import workspace_client
from mlops_core.config import WorkspaceAddress
from mlops_core.monitoring.columns import PREDICTION
from my_mlops_stacks.monitoring.slices import SLICES

if TYPE_CHECKING:
    from databricks.sdk import WorkspaceClient
    from databricks.sdk.service.catalog import MonitorInfo, MonitorRefreshInfo

logger = logging.getLogger(__name__)
TIMEOUT_S, POLL_S = 3600.0, 15.0
DAY = "1 day"
SLICED_BY = [each.name for each in SLICES if each.name in INPUT_COLUMNS]
"""The slices that are columns of the predictions: Databricks slices by what the table has."""


class MonitorError(RuntimeError):
    """The monitor was not made, or a refresh of it did not succeed."""


@dataclass(frozen=True)
class DataQualityMonitor:
    """The monitor of one table of `schema` (catalog.schema), whose dashboard is put into `assets_folder`.

    Without `workspace`, Databricks' unified authentication finds one.
    """

    table: str
    schema: str
    assets_folder: str
    workspace: WorkspaceAddress | None
    timeout_s: float = TIMEOUT_S
    poll_s: float = POLL_S

    def refresh(self) -> str | None:
        """Make the monitor unless there is one, and wait for its first refresh; refresh one that is there, and wait.

        Returns: the name of its profile table; None while the table to watch does not exist yet.

        Raises:
            MonitorError: it failed, or took longer than `timeout_s`; the message says which of the two.
        """
        from databricks.sdk.errors import NotFound

        client = workspace_client(self.workspace)
        deadline = time.monotonic() + self.timeout_s
        if not client.tables.exists(self.table).table_exists:
            return None
        was_there = True
        try:
            client.quality_monitors.get(self.table)
        except NotFound:
            self._create(client)
            was_there = False
        monitor = self._when_active(client, deadline)
        # A monitor that is made refreshes by itself: another refresh would compute the same once more.
        begun = None if was_there else self._newest_refresh(client)
        self._when_refreshed(client, begun or client.quality_monitors.run_refresh(self.table), deadline)
        return monitor.profile_metrics_table_name

    def _newest_refresh(self, client: WorkspaceClient) -> MonitorRefreshInfo | None:
        refreshes = client.quality_monitors.list_refreshes(self.table).refreshes or []
        return max(refreshes, key=lambda refresh: refresh.start_time_ms, default=None)

    def _create(self, client: WorkspaceClient) -> None:
        from databricks.sdk.service.catalog import MonitorInferenceLog, MonitorInferenceLogProblemType

        log = MonitorInferenceLog(
            timestamp_col="tpep_pickup_datetime",
            granularities=[DAY],
            model_id_col="model_version",
            problem_type=MonitorInferenceLogProblemType.PROBLEM_TYPE_REGRESSION,
            prediction_col=PREDICTION,
        )
        client.quality_monitors.create(
            self.table, self.assets_folder, self.schema, inference_log=log, slicing_exprs=SLICED_BY
        )
        logger.info("%s has a data quality monitor now; its dashboard is in %s", self.table, self.assets_folder)

    def _when_active(self, client: WorkspaceClient, deadline: float) -> MonitorInfo:
        from databricks.sdk.service.catalog import MonitorInfoStatus as Status

        while (monitor := client.quality_monitors.get(self.table)).status is Status.MONITOR_STATUS_PENDING:
            self._wait(deadline)
        if monitor.status is not Status.MONITOR_STATUS_ACTIVE:
            raise MonitorError(
                f"The monitor of {self.table} is {monitor.status.value} ({monitor.latest_monitor_failure_msg}): delete "
                "it in the table's tab Quality, and launch the job again."
            )
        return monitor

    def _when_refreshed(self, client: WorkspaceClient, refresh: MonitorRefreshInfo, deadline: float) -> None:
        from databricks.sdk.service.catalog import MonitorRefreshInfoState as State

        number = str(refresh.refresh_id)
        while refresh.state in (State.PENDING, State.RUNNING):
            self._wait(deadline)
            refresh = client.quality_monitors.get_refresh(self.table, number)
        if refresh.state is not State.SUCCESS:
            raise MonitorError(
                f"Refresh {number} of the monitor of {self.table} is {refresh.state.value} ({refresh.message}): its "
                "log is in the table's tab Quality."
            )

    def _wait(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise MonitorError(
                f"The monitor of {self.table} was not done in {self.timeout_s:g} s: look at its Quality."
            )
        time.sleep(self.poll_s)
