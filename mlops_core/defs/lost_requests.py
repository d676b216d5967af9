"""Unsuccessful runs of sensor requests: requested once more, then reported.

Dagster ignores a run key that it has seen, and the sensor would assume that its request succeeded.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import dagster as dg

from mlops_core.defs.alerts import WILL_RETRY

AGAIN = ", again"
RUN_KEY, ROOT_RUN = "dagster/run_key", "dagster/root_run_id"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
PAGE, MOST = 50, 1_000
"""How many later runs are read at once, and at most, in search of one that did the same."""


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
    found = newest_run(instance, job, key) if key else None
    if found is None or found.dagster_run.status not in (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        return None
    run = found.dagster_run
    later = made_since(instance, run.job_name, days_of(run.tags), found.create_timestamp)
    return None if run.tags.get(WILL_RETRY) == "true" or next(later, None) else LostRequest(key, run)


def newest_run(instance: dg.DagsterInstance, job: str, key: str) -> dg.RunRecord | None:
    """The newest of the run with this key and those that repeat it."""
    asked = instance.get_run_records(dg.RunsFilter(job_name=job, tags={RUN_KEY: key}), limit=1)
    repeats = (instance.get_run_records(dg.RunsFilter(tags={ROOT_RUN: r.dagster_run.run_id}), limit=1) for r in asked)
    found = (*asked, *(r for repeated in repeats for r in repeated))
    return max(found, key=lambda r: r.create_timestamp, default=None)


def made_since(
    instance: dg.DagsterInstance, job: str, days: tuple[str, str] | None, moment: datetime
) -> Iterator[dg.DagsterRun]:
    """Later runs of the job that succeeded on all of these days, the newest first."""
    later = dg.RunsFilter(job_name=job, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=moment)
    return (run for run in _newest(instance, later) if _covers(days_of(run.tags), days))


def _newest(instance: dg.DagsterInstance, wanted: dg.RunsFilter) -> Iterator[dg.DagsterRun]:
    cursor = None
    for _ in range(0, MOST, PAGE):
        page = instance.get_runs(wanted, cursor=cursor, limit=PAGE)
        yield from page
        if len(page) < PAGE:
            return
        cursor = page[-1].run_id


def days_of(tags: Mapping[str, str]) -> tuple[str, str] | None:
    """The first and the last day of a run over a range of them."""
    first, last = (tags.get(name, tags.get("dagster/partition")) for name in RANGE)
    return (first, last) if first and last else None


def _covers(made: tuple[str, str] | None, wanted: tuple[str, str] | None) -> bool:
    return wanted is None or (made is not None and made[0] <= wanted[0] and wanted[1] <= made[1])


def _own(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that the sensor gave, without what Dagster adds to each run."""
    return {name: value for name, value in tags.items() if name in RANGE or not name.lstrip(".").startswith("dagster/")}
