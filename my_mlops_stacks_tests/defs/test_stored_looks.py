"""What all days of a source hold is stored once a look, and a tick reads few looks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from mlops_core.defs.arrival_looks import RECORD, Seen, look_request, looks_at, observation
from mlops_core.defs.arrival_recovery import look_runs
from mlops_core.ingestion.arrivals import DaySummaries, DaySummary, SourceState
from mlops_core.ingestion.changed_days import ChangedDays, changed_days
from my_mlops_stacks.project import PROJECT

TRIPS, STATE = PROJECT.events, SourceState("table", "7")
DAYS = {date(2015, 1, 1) + timedelta(days=day): DaySummary(day, datetime(2016, 1, 1), f"{day:x}") for day in range(400)}
FIRST, SECOND, THIRD, *_ = DAYS


def looked(instance: dg.DagsterInstance, request: dg.RunRequest | None, after: DaySummaries) -> Seen:
    """A look as the job records it: of all days, or going on from the look that its request names."""
    config: Any = request.run_config if request else {"ops": {"look_for_arrivals": {"config": {"sources": {}}}}}
    asked = config["ops"]["look_for_arrivals"]["config"]["sources"].get("trips")
    before = DaySummaries.from_text(asked["before"]) if asked else None

    @dg.op(out=dg.Out(dg.Nothing), config_schema=dict)
    def look_for_arrivals() -> Iterator[Any]:
        yield observation(PROJECT, TRIPS, STATE, changed_days(before, after), after, is_whole=before is None)
        yield dg.Output(None)

    @dg.job(name="arrivals_job")
    def job() -> None:
        look_for_arrivals()

    assert job.execute_in_process(run_config=config, instance=instance).success
    return next(looks_at(PROJECT, instance, TRIPS))


def going_on(instance: dg.DagsterInstance, seen: Seen) -> dg.RunRequest:
    return look_request(PROJECT, instance, {"trips": STATE}, {"trips": seen}, "key")


def before(request: dg.RunRequest) -> DaySummaries:
    asked: Any = request.run_config
    return DaySummaries.from_text(asked["ops"]["look_for_arrivals"]["config"]["sources"]["trips"]["before"])


def test_a_look_goes_on_from_all_days_of_those_before_it_and_stores_the_changed_ones() -> None:
    instance = dg.DagsterInstance.ephemeral()
    stages = [
        DAYS,
        {**DAYS, FIRST: DaySummary(8, datetime(2016, 1, 2), "corrected")},
        {day: each for day, each in DAYS.items() if day != SECOND},  # and the correction is taken back
        {**DAYS, date(2016, 6, 1): DaySummary(1, datetime(2016, 6, 1), "new")},
    ]
    request = None
    for stage in stages:
        seen = looked(instance, request, DaySummaries("test", stage))
        request = going_on(instance, seen)
        assert before(request) == DaySummaries("test", stage)
        assert len(seen.summaries) < 200 or stage is DAYS


def test_a_look_of_an_earlier_release_is_gone_on_from() -> None:
    instance, whole = dg.DagsterInstance.ephemeral(), DaySummaries("test", DAYS)
    stored = {"state": STATE.to_json(), "changed": ChangedDays().to_json(), "summaries": whole.to_text()}
    instance.report_runless_asset_event(
        dg.AssetObservation("raw_trips", metadata={RECORD: dg.MetadataValue.json(stored)})
    )
    assert before(going_on(instance, next(looks_at(PROJECT, instance, TRIPS)))) == whole


def test_a_look_whose_run_was_deleted_is_not_gone_on_from() -> None:
    """The next one compares with what the pipeline took in, as the first does."""
    instance, whole = dg.DagsterInstance.ephemeral(), DaySummaries("test", DAYS)
    second = looked(instance, going_on(instance, looked(instance, None, whole)), whole)
    instance.delete_run(second.run_id)
    asked: Any = going_on(instance, second).run_config
    assert asked["ops"]["look_for_arrivals"]["config"]["sources"]["trips"].keys() == {"state"}


def test_a_tick_reads_looks_back_to_the_one_that_it_has_handled() -> None:
    instance, whole = dg.DagsterInstance.ephemeral(), DaySummaries("test", {FIRST: DAYS[FIRST]})
    runs = [looked(instance, None, whole).run_id for _ in range(12)]
    assert [each.run_id for each in looks_at(PROJECT, instance, TRIPS)] == runs[::-1]
    assert [seen[0].run_id for seen in look_runs(PROJECT, instance, runs[9])] == runs[9:]
    assert [seen[0].run_id for seen in look_runs(PROJECT, instance, "deleted")] == runs
