"""Unsuccessful runs of sensor requests: requested once more, then reported.

Dagster ignores a run key that it has seen, and the sensor would assume that its request succeeded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from mlops_core.defs.alerts import WILL_RETRY

AGAIN = ", again"
RUN_KEY, ROOT_RUN = "dagster/run_key", "dagster/root_run_id"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
FEW = 20
"""Number of later runs that are searched for one that did the same."""


@dataclass(frozen=True)
class LostRequest:
    """The request with the run key `key`, whose `run` failed or was ended."""

    key: str
    run: dg.DagsterRun

    @property
    def again(self) -> dg.RunRequest | None:
        """The same request, once more; None when a person ended the run, or it was requested twice already."""
        if self.run.status is not dg.DagsterRunStatus.FAILURE or self.key.endswith(AGAIN):
            return None
        return dg.RunRequest(f"{self.key}{AGAIN}", run_config=self.run.run_config, tags=_own(self.run.tags))

    @property
    def sentence(self) -> str:
        days = days_of(self.run.tags)
        over = f" over the days from {days[0]} to {days[1]}" if days else ""
        ended = "failed" if self.run.status is dg.DagsterRunStatus.FAILURE else "was ended"
        return (
            f"The run {self.run.run_id} of {self.run.job_name}{over} {ended}, and nothing starts it again: launch "
            f"{self.run.job_name}{over} yourself"
        )


def lost_request(instance: dg.DagsterInstance, job: str, key: str) -> LostRequest | None:
    """The request with this run key when the newest run of its job ended without success, and no later one has done the
    same.
    """
    found = next(_runs_of(instance, job, key), None) if key else None
    if found is None or found.dagster_run.status not in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        return None
    run = found.dagster_run
    later = dg.RunsFilter(
        job_name=run.job_name, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=found.create_timestamp
    )
    covered = (_covers(record.dagster_run, run) for record in instance.get_run_records(later, limit=FEW))
    return None if run.tags.get(WILL_RETRY) == "true" or any(covered) else LostRequest(key, run)


def days_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and the last day of a run over a range of them."""
    first, last = (tags.get(name, tags.get("dagster/partition")) for name in RANGE)
    return (first, last) if first and last else None


def _runs_of(instance: dg.DagsterInstance, job: str, key: str) -> Iterator[dg.RunRecord]:
    """The runs with this key and those that repeat them, the newest first."""
    asked = instance.get_run_records(dg.RunsFilter(job_name=job, tags={RUN_KEY: key}), limit=1)
    repeats = (instance.get_run_records(dg.RunsFilter(tags={ROOT_RUN: r.dagster_run.run_id}), limit=1) for r in asked)
    yield from sorted(
        (*asked, *(r for found in repeats for r in found)), key=lambda r: r.create_timestamp, reverse=True
    )


def _covers(later: dg.DagsterRun, run: dg.DagsterRun) -> bool:
    wanted, made = days_of(run.tags), days_of(later.tags)
    return wanted is None or (made is not None and made[0] <= wanted[0] and wanted[1] <= made[1])


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that the sensor gave, without what Dagster adds to each run."""
    return {name: value for name, value in tags.items() if name in RANGE or not name.lstrip(".").startswith("dagster/")}
