"""Whether the rows of a source are new enough: on its asset, by what was read of it, and told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from mlops_core.adapters.alerts import LATE_SOURCE, Alert, AlertError
from mlops_core.adapters.sources.errors import SourceNotWatchableError
from mlops_core.config import Target, load_target
from mlops_core.defs import freshness_watch
from mlops_core.defs.arrival_looks import RECORD, observation
from mlops_core.defs.freshness import freshness_checks
from mlops_core.defs.freshness_watch import freshness_sensors
from mlops_core.defs.records import newest_evaluated
from mlops_core.ingestion.arrivals import DaySummaries, DaySummary, SourceState
from mlops_core.ingestion.changed_days import ChangedDays
from my_mlops_stacks.project import PROJECT

TRIPS = PROJECT.events
CHECK = dg.AssetCheckKey(dg.AssetKey("raw_trips"), "trips_are_fresh")


@dataclass
class Source:
    """A source that was written `at`, UTC; or one that can't be seen."""

    at: datetime | None = None
    error: Exception | None = None

    def state(self) -> SourceState:
        if self.error:
            raise self.error
        return SourceState("table", "1", self.at)


@dataclass
class Watch:
    """The sensor of a target whose newest trip may be 36 hours old; `taken` is what the channel accepted."""

    target: Target
    source: Source = field(default_factory=Source)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)
    taken: list[Alert] = field(default_factory=list)
    is_down: bool = False
    cursor: str | None = None

    def send(self, alert: Alert) -> None:
        if self.is_down:
            raise AlertError("the channel is down")
        self.taken.append(alert)

    def tick(self) -> str:
        """What it says; Dagster stores the evaluations that it returns."""
        (sensor,) = freshness_sensors(PROJECT, self.target)
        resources = {"watched": {"trips": self.source}}
        found = sensor.evaluate_tick(
            dg.build_sensor_context(self.instance, cursor=self.cursor, resources=resources, sensor_name=sensor.name)
        )
        self.cursor = found.cursor
        for event in found.asset_events:
            self.instance.report_runless_asset_event(event)
        return str(found.skip_message)

    def looked(self, *newest: datetime) -> None:
        """A look has seen these newest times of days."""
        days = {each.date(): DaySummary(1, each, "a") for each in newest}
        seen = observation(PROJECT, TRIPS, None, ChangedDays(), DaySummaries("test", days))
        self.instance.report_runless_asset_event(seen)

    def ingested(self, newest: datetime | None) -> None:
        """A run has taken trips in, and its check has read the newest."""
        evaluation = dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey("trips"),
            check_name="trips_are_within_partitions",
            passed=True,
            metadata={"newest": newest.isoformat() if newest else ""},
        )
        self.instance.report_runless_asset_event(evaluation)

    @property
    def evaluations(self) -> int:
        return len(self.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=10))

    @property
    def passes(self) -> bool | None:
        found = newest_evaluated(self.instance, CHECK)
        return found.evaluation.passed if found else None


def ago(hours: float) -> datetime:
    """By the clock of the trips."""
    return TRIPS.clock().replace(microsecond=0) - timedelta(hours=hours)


def target(**variables: str) -> Target:
    stated = {"last_day": "", "first_predicted_day": "2016-02-10", "schedules": "running", **variables}
    return load_target(PROJECT, "local", environ={f"BUNDLE_VAR_{name}": value for name, value in stated.items()})


@pytest.fixture(scope="module")
def growing() -> Target:
    return target()


@pytest.fixture
def watch(growing: Target, monkeypatch: pytest.MonkeyPatch) -> Watch:
    found = Watch(growing)
    monkeypatch.setattr(freshness_watch, "build_alerts", lambda _: found)
    return found


def test_nothing_is_said_of_a_source_that_nobody_has_read(watch: Watch) -> None:
    assert watch.tick() == "Nothing has been read of the trips yet"
    assert (watch.passes, watch.taken) == (None, [])


def test_late_rows_fail_are_told_once_and_pass_when_new_ones_come(watch: Watch) -> None:
    watch.looked(ago(30))
    watch.tick()
    assert watch.passes
    watch.looked(ago(40))  # as ten hours later
    watch.source.at = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=40)
    said = {watch.tick() for _ in range(3)}
    assert not watch.passes
    assert len(said) == 1
    assert "hours ago: it should be at most 36 hours old. The source was last written at" in said.pop()
    (alert,) = watch.taken
    assert (alert.title, alert.kind, alert.about) == ("No new trips on local", LATE_SOURCE, (CHECK.name, "raw_trips"))
    assert "and read after that: ask who delivers it." in alert.text
    watch.looked(ago(40), ago(2))
    watch.tick()
    assert watch.passes
    assert watch.evaluations == 3  # one for each change, not for each tick
    watch.looked(ago(38))  # late once more
    watch.tick()
    assert len(watch.taken) == 2


def test_a_source_that_was_written_and_not_read_is_no_matter_of_who_delivers_it(watch: Watch) -> None:
    watch.looked(ago(40))
    watch.source.at = datetime.now(UTC).replace(tzinfo=None) + timedelta(minutes=1)
    assert "and nothing has read it since" in watch.tick()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (Source(), "Nothing says when the source was written"),
        (Source(error=SourceNotWatchableError("lake.nyc.trips is gone.")), "lake.nyc.trips is gone."),
    ],
)
def test_late_rows_of_a_source_that_says_nothing_fail_too(watch: Watch, source: Source, said: str) -> None:
    watch.source = source
    watch.looked(ago(40))
    assert said in watch.tick()
    assert not watch.passes


def test_where_the_clock_starts_the_days_a_run_has_read_the_newest(watch: Watch) -> None:
    watch.ingested(ago(20))
    watch.tick()
    assert watch.passes
    watch.ingested(ago(50))
    watch.tick()
    assert not watch.passes
    watch.ingested(None)
    assert "There were no trips when they were read at" in watch.tick()
    assert not watch.passes


def test_the_newer_of_a_look_and_a_run_counts(watch: Watch) -> None:
    watch.ingested(ago(50))
    watch.looked(ago(3))
    watch.tick()
    assert watch.passes
    watch.ingested(ago(51))  # of a source that was restored
    watch.tick()
    assert not watch.passes


def test_where_arrivals_start_the_days_a_look_counts(watch: Watch) -> None:
    """A run of a day that changed takes in no row of today."""
    watch.target = target(start="arrival")
    watch.ingested(ago(50))
    watch.tick()
    assert not watch.passes
    watch.looked(ago(3))
    watch.ingested(ago(50))
    watch.tick()
    assert watch.passes


def test_rows_of_a_broken_clock_are_not_new(watch: Watch) -> None:
    watch.looked(ago(60), ago(-72), datetime(9999, 12, 31))
    watch.tick()
    assert not watch.passes


def test_an_outcome_that_is_known_later_makes_no_event_new(watch: Watch) -> None:
    """As of a trip of an old day that ends in the year 9999."""
    old = ago(100)
    days = {old.date(): DaySummary(1, datetime(9999, 12, 31), "a")}
    seen = observation(PROJECT, TRIPS, None, ChangedDays(), DaySummaries("test", days))
    watch.instance.report_runless_asset_event(seen)
    watch.tick()
    assert not watch.passes


def test_nothing_is_awaited_after_the_last_day(watch: Watch) -> None:
    watch.target = target(last_day="2016-02-29")
    watch.looked(datetime(2016, 2, 29, 23))
    assert watch.tick().endswith("and 2016-02-29 is the last day that is built")
    assert watch.passes
    watch.looked(datetime(2016, 2, 28, 23))
    watch.tick()
    assert not watch.passes


def test_what_the_channel_did_not_accept_is_told_with_a_later_tick(watch: Watch) -> None:
    watch.looked(ago(40))
    watch.is_down = True
    watch.tick()
    watch.is_down = False
    watch.tick()
    watch.tick()
    assert len(watch.taken) == 1


def test_a_look_of_an_earlier_release_is_read(watch: Watch) -> None:
    summaries = DaySummaries("test", {ago(3).date(): DaySummary(1, ago(3), "a")})
    stored = {"state": None, "changed": ChangedDays().to_json(), "summaries": summaries.to_text()}
    seen = dg.AssetObservation("raw_trips", metadata={RECORD: dg.MetadataValue.json(stored)})
    watch.instance.report_runless_asset_event(seen)
    watch.tick()
    assert watch.passes


@pytest.mark.parametrize(("newest", "passes"), [(None, False), (30, True), (40, False)])
def test_a_person_evaluates_it_without_the_sensor(watch: Watch, newest: float | None, passes: bool) -> None:
    if newest:
        watch.looked(ago(newest))
    checks = freshness_checks(PROJECT, watch.target)
    resources = {"watched": {"trips": watch.source}}
    done = dg.materialize(
        [dg.AssetSpec("raw_trips"), *checks],
        instance=watch.instance,
        resources=resources,
        selection=dg.AssetSelection.checks(*checks),
    )
    (evaluation,) = done.get_asset_check_evaluations()
    assert evaluation.passed is passes
    assert evaluation.severity is dg.AssetCheckSeverity.WARN


@pytest.mark.parametrize("start", ["schedule", "arrival"])
@pytest.mark.parametrize("schedules", ["running", "stopped"])
def test_it_runs_where_schedules_do_whatever_starts_the_days(watch: Watch, start: str, schedules: str) -> None:
    (sensor,) = freshness_sensors(PROJECT, target(start=start, schedules=schedules))
    assert sensor.default_status.value == schedules.upper()


def test_without_a_limit_nobody_looks(growing: Target) -> None:
    workflow = growing.feature_engineering_workflow.model_copy(update={"max_age_hours": {}})
    without = growing.model_copy(update={"feature_engineering_workflow": workflow})
    assert not freshness_sensors(PROJECT, without)
    assert not freshness_checks(PROJECT, without)
