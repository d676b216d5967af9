"""What several models of a project declare, and what a target says of each."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from databricks.bundles.registered_models import RegisteredModel

from mlops_core.config import TargetError, load_target, variables_of
from mlops_core.project import Column, DeclarationError, Project
from my_mlops_stacks.feature_engineering.features.pickup_features import PICKUP_FEATURES
from my_mlops_stacks.ingestion.trips import TRIPS
from my_mlops_stacks.project import PROJECT as ONE
from my_mlops_stacks_tests.two_models.project import DURATION, FARE, PROJECT, TIMED


def test_each_model_has_the_events_with_its_own_label_and_sees_no_other() -> None:
    fare, duration = PROJECT.each
    assert (fare.events.label_column, duration.events.label_column) == ("fare_amount", "minutes")
    late = {"tpep_dropoff_datetime", "fare_amount", "minutes"}
    assert set(fare.events.known_late) == set(duration.events.known_late) == set(PROJECT.events.known_late) == late
    assert duration.events.is_labelled == "minutes IS NOT NULL AND tpep_dropoff_datetime IS NOT NULL"
    assert not {"fare_amount", "minutes"} & set(PROJECT.events.required)
    assert PROJECT.of("duration") is duration is PROJECT.of("duration_model")


def test_a_project_of_one_model_is_its_own_project_of_the_model() -> None:
    assert ONE.each == (ONE,)
    assert ONE.of("fare") is ONE
    assert ONE.events is TRIPS
    assert (ONE.named("rollback_job"), ONE.scoped("champion"), ONE.scope) == ("rollback_job", "champion", "")


def test_one_model_may_have_a_label_of_its_own() -> None:
    alone = replace(PROJECT, models=(DURATION,))
    assert alone.events.label_column == "minutes"
    assert "fare_amount" in alone.events.known_late
    assert alone.scoped("champion") == "champion"


PAID = Column("paid_at", "timestamp", "When the fare was paid, as wall clock")
LATER = replace(TIMED, columns=(*TIMED.columns, PAID), known_at="paid_at")
PAYING = replace(
    PROJECT,
    events=LATER,
    feature_tables=tuple(replace(table, events=LATER) for table in PROJECT.feature_tables),
    models=(FARE, replace(DURATION, known_at="tpep_dropoff_datetime")),
)


def test_a_label_may_be_known_before_the_whole_event_is() -> None:
    fare, duration = PAYING.each
    assert fare.events.is_labelled == "fare_amount IS NOT NULL AND paid_at IS NOT NULL"
    assert duration.events.is_labelled == "minutes IS NOT NULL AND tpep_dropoff_datetime IS NOT NULL"
    late = {"tpep_dropoff_datetime", "fare_amount", "minutes", "paid_at"}
    assert set(fare.events.known_late) == set(duration.events.known_late) == set(PAYING.events.known_late) == late
    assert {table.events.known_at for table in duration.feature_tables} == {"paid_at"}


def test_names_of_what_each_has_begin_with_its_short_name_and_others_do_not() -> None:
    prefixed = replace(PROJECT, prefix="taxi")
    duration = prefixed.of("duration")
    named = ("rollback_job", "model_registry", "monitoring", "feature_engineering_job", "tables", "mute_alerts_job")
    assert [duration.named(name) for name in named] == [
        "taxi_duration_rollback_job",
        "taxi_duration_model_registry",
        "taxi_duration_monitoring",
        "taxi_feature_engineering_job",
        "taxi_tables",
        "taxi_mute_alerts_job",
    ]
    scoped = ("predictions", "trips", "trip_pickup_features", "duration_model")
    assert [duration.scoped(name) for name in scoped] == ["duration_predictions", *scoped[1:]]


def leaking() -> Project:
    seen = replace(FARE.training, inputs=(*FARE.training.inputs, "minutes"))
    return replace(PROJECT, models=(replace(FARE, training=seen), DURATION))


def of_tables(name: str) -> Project:
    return replace(PROJECT, feature_tables=(replace(PICKUP_FEATURES, name=name, events=TIMED),))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: replace(PROJECT, models=()), "models names none: declare what predicts, such as models=(CHURN,)."),
        (lambda: replace(PROJECT, models=FARE), "models must be a tuple of Model, such as (a, b) or (a,), not Model("),
        (
            lambda: replace(PROJECT, models=(FARE, replace(DURATION, name="fare"))),
            "two models are called 'fare' for short",
        ),
        (lambda: replace(PROJECT, models=(FARE, FARE)), "two models are called 'fare' for short"),
        (
            lambda: replace(PROJECT, models=(FARE, replace(DURATION, label="hours"))),
            "Model 'duration_model', label: there is no column 'hours'; choose from tpep_pickup_datetime",
        ),
        (
            lambda: replace(PROJECT, events=replace(TIMED, label=None)),
            "EventTable 'trips' has no label, and can't be predicted without: name it.",
        ),
        (
            lambda: replace(PAYING, models=(FARE, replace(DURATION, known_at="paid"))),
            "Model 'duration_model', known_at: there is no column 'paid'; choose from",
        ),
        (lambda: replace(FARE, known_at="paid_at"), "known_at is of a label of its own, and it has none"),
        (
            lambda: replace(PAYING, models=(FARE, replace(DURATION, known_at="fare_amount"))),
            "'fare_amount' must be a timestamp to be a time, not double.",
        ),
        (
            lambda: replace(PROJECT, models=(FARE, replace(DURATION, label="pickup_zip"))),
            "Model 'duration_model', label: 'pickup_zip' is a time, or identifies events: name another column.",
        ),
        (leaking, "'minutes' is not known yet when a trip is predicted, so 'minutes' would leak the label."),
        (lambda: of_tables("fare_predictions"), "can be called 'fare_predictions', which the pipeline makes."),
        (lambda: of_tables("champion"), "can be called 'champion', which the pipeline makes."),
        (lambda: of_tables("duration_model"), "Two tables or models of the project are called 'duration_model'"),
        (lambda: PROJECT.model, "has several models: choose from fare, duration."),
        (
            lambda: load_target(PROJECT, "local", environ={}).of(PROJECT),
            "has several models: choose from fare, duration.",
        ),
        (lambda: replace(TRIPS, also_predicted=("tip",)), "EventTable 'trips': there is no column 'tip'; choose from"),
        (lambda: PROJECT.of("tip"), "has no model 'tip'; choose from fare, duration."),
    ],
)
def test_a_contradiction_is_one_sentence(make, sentence: str) -> None:
    with pytest.raises(DeclarationError) as error:
        make()
    assert sentence in str(error.value)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PROJECT.folder, tmp_path / "bundle"))


def edit(folder: Path, old: str, new: str) -> None:
    file = folder / "databricks.yml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_a_target_says_of_each_model_what_it_says() -> None:
    target = load_target(PROJECT, "local", environ={})
    fare, duration = (target.of(each) for each in PROJECT.each)
    assert (fare.model_name, duration.model_name) == ("fare_model", "duration_model")
    assert (fare.monitoring_workflow.metric_violation_threshold, fare.model_workflow.holdout_days) == (5.0, 15)
    assert (duration.monitoring_workflow.metric_violation_threshold, duration.model_workflow.holdout_days) == (1.0, 10)
    assert (str(fare.predicted_from), str(duration.predicted_from)) == ("2016-02-15", "2016-02-20")
    assert fare.batch_inference_workflow == duration.batch_inference_workflow
    assert load_target(PROJECT.of("duration"), "local", environ={}) == duration


def test_what_a_target_says_of_all_models_holds_for_each() -> None:
    target = load_target(PROJECT, "local", environ={})
    later = target.model_copy(update={"last_day": None})
    assert [str(later.of(each).predicted_from) for each in PROJECT.each] == ["2016-01-01", "2016-01-01"]


def test_a_model_may_say_for_itself_what_else_the_project_says(bundle: Path) -> None:
    own = "  duration_promotion:\n    description: Somebody approves.\n    default: approval\n"
    edit(bundle, "  rescore_days:\n", f"{own}  rescore_days:\n")
    target = load_target(PROJECT, "local", environ={"BUNDLE_VAR_promotion": "automatic"}, folder=bundle)
    assert [target.of(each).promotion for each in PROJECT.each] == ["automatic", "approval"]
    said = {"BUNDLE_VAR_duration_promotion": "automatic"}
    assert (
        load_target(PROJECT, "local", environ=said, folder=bundle).of(PROJECT.of("duration")).promotion == "automatic"
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "  duration_monitoring_workflow:",
            "  monitoring_workflow:",
            "databricks.yml: variables.monitoring_workflow is none of ours, and duration_monitoring_workflow is "
            "missing: is duration_monitoring_workflow meant?",
        ),
        (
            "    default: duration_model\n",
            "    default: fare_model\n",
            "Two models of the project have the model_name fare_model: give each its own.",
        ),
        (
            "      metric_violation_threshold: 1.0\n",
            "",
            "databricks.yml: variables.duration_monitoring_workflow.metric_violation_threshold is missing: the mapping "
            "states the keys",
        ),
        (
            "      metric_to_monitor: mean_average_error\n",
            "      metric_to_monitor: log_loss\n",
            "databricks.yml: variables.duration_monitoring_workflow.metric_to_monitor is 'log_loss', but",
        ),
        (
            "{num_boost_round: 40}",
            "{num_boost_rounds: 40}",
            "databricks.yml: variables.duration_model_workflow.hyperparameters.num_boost_rounds is an unknown key",
        ),
    ],
)
def test_what_is_missing_or_wrong_is_said_of_the_model(bundle: Path, old: str, new: str, sentence: str) -> None:
    edit(bundle, old, new)
    with pytest.raises(TargetError) as error:
        load_target(PROJECT, "local", environ={}, folder=bundle)
    assert str(error.value).startswith(sentence)


def test_no_model_takes_the_values_of_another_silently() -> None:
    expected = set(variables_of(PROJECT))
    assert {"fare_model_workflow", "duration_monitoring_workflow", "duration_model_name", "promotion"} <= expected
    assert not {"model_workflow", "monitoring_workflow", "model_name"} & expected


def test_the_bundle_registers_each_model_by_its_own_variable() -> None:
    resources = yaml.safe_load((PROJECT.folder / "databricks.yml").read_text())["resources"]
    models = resources["registered_models"]
    for each in models.values():
        assert RegisteredModel.from_dict(each).as_dict() == each
    named = {each["name"] for each in models.values()} | {resources["experiments"]["experiment"]["name"]}
    assert named == {"${var.fare_model_name}", "${var.duration_model_name}", "${var.experiment}"}
    assert {name[6:-1] for name in named} <= set(variables_of(PROJECT))
    dev = load_target(PROJECT, "dev", environ={})
    assert [dev.of(each).registered_model for each in PROJECT.each] == [
        "main.two_models.fare_model",
        "main.two_models.duration_model",
    ]
