"""The arrival sensor: what it asks for, once, in which order, and what it does when runs fail or things are lost."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)

from mlops_core.adapters.alerts import Alert
from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.config import load_target
from mlops_core.defs import arrival, lost_requests
from mlops_core.defs.arrival_looks import observation
from mlops_core.defs.arrival_recovery import look_runs
from mlops_core.defs.definitions import definitions_of
from mlops_core.ingestion.changed_days import ChangedDays
from mlops_core_tests.fraud.orders import CHARGEBACKS
from mlops_core_tests.fraud.project import PROJECT as FRAUD
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.defs.arriving import (
    CANCELED,
    FAILURE,
    NOTHING,
    RANGE,
    STARTED,
    SUCCESS,
    Arriving,
    extent,
    opened,
    saying,
    to_the_end,
)
from my_mlops_stacks_tests.deployment.desk import Desk

FEATURES, PREDICTIONS, MONITORING = "feature_engineering", "batch_inference", "monitoring"
WHOLE_20TH = [(FEATURES, 20, 21), (PREDICTIONS, 20, 21), (MONITORING, 20, 22)]
"""What changed trips of the 20th ask for: windows of a day, and the day that is compared with it."""


class Channel:
    def __init__(self) -> None:
        self.taken: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.taken.append(alert)


CHANNEL = Channel()


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Iterator[Desk]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arrival, "build_alerts", lambda _: CHANNEL)
        yield opened(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def channel() -> Channel:
    CHANNEL.taken.clear()
    return CHANNEL


@pytest.fixture
def arriving(desk, channel) -> Arriving:
    """Where version 1 is champion, all days were predicted, and the source was looked at: nothing had changed."""
    desk.hold(champion=1)
    desk.instance = dg.DagsterInstance.ephemeral()
    found = Arriving(desk)
    found.predicted(10, 29)
    found.arrives()
    return found


def test_changed_days_are_built_predicted_and_monitored_in_this_order_once(arriving):
    arriving.arrives(20)
    assert list(to_the_end(arriving)) == WHOLE_20TH
    assert arriving.said() == "Nothing has arrived: trips 3 was looked at"


def test_a_run_says_why_it_is_there(arriving):
    arriving.arrives(20)
    request = arriving.asked()
    assert request.tags["arrival/reason"] == "trips: 1 day changed; rows +1 (2016-02-20)"
    assert request.tags["arrival/version"] == "trips 3"
    assert request.tags["arrival/days"] == "2016-02-20 to 2016-02-21"
    run_id = arriving.becomes(request, STARTED)
    assert arriving.said() == (
        f"Waiting for feature_engineering_job over 2016-02-20 to 2016-02-21 (run {run_id}), for trips: 1 day changed; "
        "rows +1 (2016-02-20)"
    )


def test_two_far_days_are_two_runs_one_after_the_other(arriving):
    arriving.arrives(11, 20)
    first = arriving.asked()
    assert extent(first) == (FEATURES, 11, 12)
    arriving.becomes(first, STARTED)
    assert not arriving.tick().run_requests


def test_a_version_without_a_change_asks_for_nothing(arriving):
    """As of a table that is optimized, or rewritten every night with the same rows."""
    arriving.arrives()
    assert "Nothing has arrived" in arriving.said()


def test_what_arrives_meanwhile_is_looked_at_afterwards(arriving):
    arriving.arrives(20)
    features = arriving.asked()
    arriving.becomes(features, STARTED)
    arriving.source.version += 5  # and more than once
    assert arriving.said().startswith("Waiting for feature_engineering_job")
    (run,) = arriving.instance.get_runs(dg.RunsFilter(job_name="feature_engineering_job"))
    arriving.instance.report_run_failed(run)
    arriving.becomes(arriving.asked())
    for stage in WHOLE_20TH[1:]:
        request = arriving.asked()
        assert extent(request) == stage
        arriving.becomes(request)
    arriving.looks(arriving.asked(), 25)
    assert next(to_the_end(arriving)) == (FEATURES, 25, 26)


def test_a_look_that_may_still_see_another_source_is_waited_for(arriving):
    """What it has seen of one table counts together with what it sees of the next."""
    arriving.source.version += 1
    said = []
    arriving.looks(arriving.asked(), 20, meanwhile=lambda: said.append(arriving.said()))
    assert said[0].endswith("looks at trips 3")
    assert list(to_the_end(arriving)) == WHOLE_20TH


def test_looks_at_once_are_handled_in_the_order_in_which_they_ended():
    """What a look of two tables sees last is later than all of a shorter one that began after it."""
    instance, ended = dg.DagsterInstance.ephemeral(), []
    orders, chargebacks = (
        observation(FRAUD, events, None, ChangedDays(), NOTHING) for events in (FRAUD.events, CHARGEBACKS)
    )

    def runs(look: dg.JobDefinition) -> None:
        ended.append(look.execute_in_process(instance=instance).run_id)

    runs(saying(orders, lambda: runs(saying(orders, chargebacks)), chargebacks))
    assert [seen[0].run_id for seen in look_runs(FRAUD, instance)] == ended


def test_a_daemon_that_was_killed_before_it_wrote_the_cursor_asks_for_no_second_run(arriving):
    arriving.arrives(20)
    seen = []
    while requests := arriving.tick(keeps_cursor=False).run_requests:
        for request in requests:
            arriving.becomes(request)
            seen.append(extent(request))
        arriving.cursor = arriving.tick(keeps_cursor=False).cursor if len(seen) % 2 else arriving.cursor
    assert seen == WHOLE_20TH
    keys = [run.tags.get("dagster/run_key") for run in arriving.instance.get_runs()]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("lost_after", range(4))
def test_a_cursor_that_was_reset_goes_on_where_its_runs_are(arriving, lost_after):
    arriving.arrives(20)
    seen = []
    for _ in range(lost_after):
        request = arriving.asked()
        arriving.becomes(request)
        seen.append(extent(request))
    arriving.cursor = [None, "", "of another release", '{"handled": 7}'][lost_after]
    seen += to_the_end(arriving)
    assert seen == WHOLE_20TH
    arriving.arrives(25)
    assert next(to_the_end(arriving)) == (FEATURES, 25, 26)


def test_a_run_that_fails_for_one_bad_day_does_not_keep_the_others(arriving, channel):
    arriving.arrives(*range(16, 21))
    asked, predicted = [], []
    while requests := arriving.tick().run_requests:
        (request,) = requests
        job, first, last = extent(request)
        is_bad = job == FEATURES and first <= 18 <= last
        arriving.becomes(request, FAILURE if is_bad else SUCCESS)
        (asked if job == FEATURES else predicted).append((job, first, last, is_bad))
    built = {each for _, first, last, failed in asked if not failed for each in range(first, last + 1)}
    assert built == {16, 17, 19, 20, 21}
    assert [each[:3] for each in predicted] == [
        *((PREDICTIONS, 16, 17), (PREDICTIONS, 19, 21)),
        *((MONITORING, 16, 17), (MONITORING, 19, 22)),
    ]
    (alert,) = channel.taken
    assert alert.title == "Days that arrived were not built"
    assert "feature_engineering_job over 2016-02-18 was given up" in alert.text
    assert "over 2016-02-18 was given up" in arriving.said()
    assert len(channel.taken) == 1  # told once


def test_far_days_that_are_given_up_together_are_told_in_one_sentence(arriving, channel, monkeypatch):
    monkeypatch.setattr("mlops_core.ingestion.delivery.MOST_FAILURES", 2)
    arriving.arrives(*range(1, 29, 3))
    for _ in range(2):
        arriving.becomes(arriving.asked(), FAILURE)
    for _ in range(2):
        arriving.tick()
    (alert,) = channel.taken
    assert "job over 2016-02-01 to 2016-02-02, 2016-02-04 to 2016-02-05, " in alert.text
    assert "2016-02-22 to 2016-02-23 and 2 more ranges was given up after run" in alert.text


def test_days_that_a_person_makes_up_for_are_predicted_and_monitored(arriving):
    arriving.arrives(29)
    arriving.becomes(arriving.asked(), CANCELED)
    assert "feature_engineering_job over 2016-02-29 was given up" in arriving.said()
    arriving.run("feature_engineering_job", SUCCESS, **dict(zip(RANGE, ("2016-02-28", "2016-02-29"), strict=True)))
    assert list(to_the_end(arriving)) == [(PREDICTIONS, 29, 29), (MONITORING, 29, 29)]
    assert "given up" not in arriving.said()


def test_features_that_a_person_builds_beside_a_delivery_are_not_built_again(arriving):
    """Predictions are: whoever made them may have looked up features of before."""
    by_hand = dict(zip(RANGE, ("2016-02-10", "2016-02-24"), strict=True))
    arriving.run("feature_engineering_job", SUCCESS, **by_hand)  # before the look: it may not have what has arrived
    arriving.arrives(11, 20)
    request = arriving.asked()
    assert extent(request) == (FEATURES, 11, 12)
    arriving.becomes(request, STARTED)
    arriving.run("feature_engineering_job", SUCCESS, **by_hand)
    arriving.run("batch_inference_job", SUCCESS, **by_hand)
    assert arriving.said().startswith("Waiting for feature_engineering_job over 2016-02-11 to 2016-02-12")
    (run,) = arriving.instance.get_runs(dg.RunsFilter(statuses=[STARTED]))
    arriving.instance.report_run_failed(run)
    assert list(to_the_end(arriving)) == [(PREDICTIONS, 20, 21), (MONITORING, 11, 13), (MONITORING, 20, 22)]


@pytest.mark.parametrize(
    "part",
    [
        {"parent_run_id": "earlier", "root_run_id": "earlier"},
        {"asset_selection": {dg.AssetKey("trip_pickup_features")}},
    ],
)
def test_a_run_that_makes_a_part_or_goes_on_with_an_earlier_one_did_not_take_in_what_arrived(arriving, part):
    """A run that failed before the source was written is repeated from the failed step: its trips are of before."""
    arriving.arrives(20)
    job, tags = arriving.repository.get_job("feature_engineering_job"), dict.fromkeys(RANGE, "2016-02-20")
    tags[RANGE[1]] = "2016-02-21"
    arriving.instance.create_run_for_job(job, tags=tags, status=SUCCESS, **part)
    assert list(to_the_end(arriving)) == WHOLE_20TH


def test_what_made_up_for_a_loss_is_found_among_many_later_runs(arriving, monkeypatch):
    monkeypatch.setattr(lost_requests, "PAGE", 2)
    arriving.arrives(29)
    arriving.becomes(arriving.asked(), CANCELED)
    arriving.run("feature_engineering_job", SUCCESS, **dict(zip(RANGE, ("2016-02-28", "2016-02-29"), strict=True)))
    for _ in range(4):
        arriving.run("feature_engineering_job", SUCCESS, **dict(zip(RANGE, ("2016-02-01", "2016-02-02"), strict=True)))
    assert list(to_the_end(arriving)) == [(PREDICTIONS, 29, 29), (MONITORING, 29, 29)]


def test_days_that_the_champion_was_trained_on_are_not_predicted_again(arriving):
    arriving.arrives(14)
    assert list(to_the_end(arriving)) == [(FEATURES, 14, 15), (PREDICTIONS, 15, 15), (MONITORING, 14, 16)]


def test_before_the_first_champion_features_are_built_alone(arriving):
    arriving.desk.hold()
    arriving.instance.wipe_assets([dg.AssetKey("predictions")])
    arriving.arrives(20)
    assert list(to_the_end(arriving)) == WHOLE_20TH[:1]


@pytest.mark.parametrize("status", [FAILURE, CANCELED])
def test_a_look_that_fails_is_asked_for_once_more_and_then_told_once(arriving, channel, status):
    arriving.source.version += 1
    for _ in range(2):
        arriving.becomes(arriving.asked(), status)
    assert "can't be looked at" in arriving.said()
    assert "launch arrivals_job" in arriving.said()
    assert [alert.title for alert in channel.taken] == ["A source can't be looked at"]
    arriving.arrives(20)  # a later version
    assert list(to_the_end(arriving)) == WHOLE_20TH


def test_a_source_that_can_not_be_seen_is_told_once_and_asks_for_nothing(arriving, channel):
    arriving.source.error = SourceNotWatchableError("lake.nyc.trips is a view, which has no version: name its table.")
    assert {arriving.said() for _ in range(3)} == {str(arriving.source.error)}
    assert [alert.text for alert in channel.taken] == [f"{arriving.source.error}."]
    gone, arriving.source.error = arriving.source.error, SourceUnansweredError("the workspace does not answer.")
    arriving.said()
    arriving.source.error = gone
    arriving.said()
    assert len(channel.taken) == 1  # nothing has said in between that it can be seen
    arriving.source.error = None
    assert "Nothing has arrived" in arriving.said()
    arriving.source.error = SourceNotWatchableError("lake.nyc.trips is gone.")
    arriving.said()
    assert len(channel.taken) == 2


def test_a_look_of_a_person_counts(arriving):
    """It compares the source with what was taken in, for which nothing is configured."""
    by_hand = dg.RunRequest(
        job_name="arrivals_job",
        run_config={"ops": {"look_for_arrivals": {"config": {"sources": {"trips": {"state": STATE}}}}}},
    )
    arriving.looks(by_hand, 20)
    assert list(to_the_end(arriving)) == WHOLE_20TH


@pytest.mark.parametrize("written", [{"state": '{"version": 1}'}, {"since": "[" * 9_000}, {"before": "no summaries"}])
def test_a_look_whose_config_somebody_has_changed_is_refused(arriving, written):
    config = {"ops": {"look_for_arrivals": {"config": {"sources": {"trips": written}}}}}
    job = arriving.desk.definitions.resolve_job_def("arrivals_job")
    run = job.execute_in_process(run_config=config, instance=arriving.instance, raise_on_error=False)
    said = run.failure_data_for_node("look_for_arrivals").user_failure_data.description
    assert "config of the source 'trips' is none of the sensor's" in said and "arrivals_job without sources" in said


def test_schedules_that_build_the_same_days_are_named(arriving, tmp_path):
    with dg.DagsterInstance.local_temp(str(tmp_path)) as arriving.desk.instance:
        for name in ("monitoring_schedule", "model_training_schedule"):
            origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")
            state = InstigatorState(
                origin.get_instigator_origin(name),
                InstigatorType.SCHEDULE,
                InstigatorStatus.RUNNING,
                ScheduleInstigatorData("0 7 * * *"),
            )
            arriving.instance.add_instigator_state(state)
        arriving.arrives()
        assert arriving.said().endswith(
            "The same days are also built by the clock: switch off monitoring_schedule, or this sensor"
        )


STATE = '{"identity": "table", "version": "2", "at": null}'


@pytest.mark.parametrize(
    ("variables", "by_clock", "by_arrival"),
    [
        ({"schedules": "running"}, True, False),
        ({"schedules": "running", "start": "arrival"}, False, True),
        ({"schedules": "stopped", "start": "arrival"}, False, False),
    ],
)
def test_a_target_says_what_starts_its_days(variables, by_clock, by_arrival):
    environ = {f"BUNDLE_VAR_{name}": value for name, value in variables.items()}
    definitions = definitions_of(PROJECT, load_target(PROJECT, "local", environ=environ))
    statuses = {each.name: each.default_status.value == "RUNNING" for each in definitions.schedules or ()}
    for name in arrival.SCHEDULES:
        assert statuses[name] is by_clock
    assert statuses["model_training_schedule"] is (variables["schedules"] == "running")
    assert (definitions.resolve_sensor_def("arrival_sensor").default_status.value == "RUNNING") is by_arrival
