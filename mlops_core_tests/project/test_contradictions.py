"""What a declaration can't mean is refused when it is made, in one sentence; the names and the choices are in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mlops_core.config import Endpoint, OnlineStore, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.training import model_requirements
from mlops_core.deployment.prediction_columns import prediction_columns
from mlops_core.project import (
    ByBand,
    ByHour,
    Column,
    ComputedTable,
    Count,
    DeclarationError,
    Encoding,
    EventTable,
    FeatureTable,
    Input,
    Mean,
    Model,
    Project,
    RowRule,
    Validation,
    XGBoost,
)
from mlops_core.project.checks import OF_PREDICTIONS
from mlops_core.project.names import NameRefusedError
from mlops_core.project.of_a_model import ASSETS
from mlops_core.tasks import MulticlassClassification, Regression
from mlops_core_tests.flights.bands import BAND_MODEL, BANDED, BANDS
from mlops_core_tests.flights.bands import ORIGIN as BANDED_ORIGIN
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN
from mlops_core_tests.flights.project import MODEL, PROJECT, project_of, seeing
from mlops_core_tests.flights.train import TRAINING


def with_column(*columns: Column) -> EventTable:
    return replace(FLIGHTS, columns=(*FLIGHTS.columns, *columns))


def typed(name: str, kind: Any) -> EventTable:
    return replace(FLIGHTS, columns=tuple(replace(c, type=kind) if c.name == name else c for c in FLIGHTS.columns))


def hour_called(name: str) -> Project:
    return seeing("carrier", Input(name, "int", "Hour", expression="hour(scheduled_departure)"))


def of_input(sql: str) -> Project:
    return seeing("carrier", Input("x", "double", "Computed", expression=sql))


def model_with(**changes: Any) -> Project:
    model = replace(MODEL, **changes)
    return Project("mlops_core_tests.flights", events=FLIGHTS, feature_tables=(), models=(model,))


def counting(name: str) -> FeatureTable:
    return replace(ORIGIN, aggregates=(Count(name, "Flights"),))


def computed_table(**changes: Any) -> ComputedTable:
    stated: dict[str, Any] = {
        "columns_made": (Column("n", "int", "Flights"),),
        "compute": lambda events, _first, _last: events,
        "look_back": timedelta(days=1),
    }
    return ComputedTable("own_features", meaning="x", events=FLIGHTS, entity={"origin": "origin"}, **(stated | changes))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "a text as label": (lambda: project_of(events=typed("late", "string")), "the label 'late' is a string"),
    "a yes or no as a number": (
        lambda: Project(
            "mlops_core_tests.flights",
            events=typed("late", "boolean"),
            feature_tables=(),
            models=(replace(MODEL, task=Regression()),),
        ),
        "a boolean, and a Regression learns int, bigint",
    ),
    "a time as label": (lambda: replace(FLIGHTS, label="landed_at"), "'landed_at' can't be the label too"),
    "a zone that there is not": (lambda: replace(FLIGHTS, time_zone="Europe/Berlinn"), "no time zone 'Europe/Berlinn'"),
    "a folder of zones": (lambda: replace(FLIGHTS, time_zone="Europe"), "no time zone 'Europe'"),
    "a number as duration": (lambda: replace(FLIGHTS, longest=2), "longest must be a timedelta"),
    "no noun": (lambda: replace(FLIGHTS, noun=""), "noun is empty"),
    "an identity that is a text": (lambda: replace(FLIGHTS, identity="flight_id"), "identity must be a tuple of str"),
    "rules without a comma": (lambda: replace(FLIGHTS, rules=RowRule("late > 1", "x")), "rules must be a tuple"),
    "columns by name": (lambda: replace(FLIGHTS, columns=("a",)), "columns must hold Column only, not 'a'"),
    "an input in capitals that is the label": (lambda: of_input("LATE + 1"), "'late' is not known yet when a flight"),
    "an input in backticks that is the label": (lambda: of_input("`late` + 1"), "'late' is not known yet"),
    "an input that is computed from the label": (
        lambda: seeing("carrier", "very_late", events=with_column(Column("very_late", "int", "x", computed_by="late"))),
        "'very_late' is not known yet",
    ),
    "an input that is known late": (lambda: seeing("carrier", "arr_delay"), "'arr_delay' is not known yet"),
    "an input called as the label": (lambda: hour_called("late"), "called as a column of the flights: rename it"),
    "an input called as a column": (lambda: hour_called("tailnum"), "called as a column of the flights: rename it"),
    "a feature called as the label": (lambda: project_of(counting("late")), "is called as the label: 'late'"),
    "an hour of a text": (
        lambda: model_with(slices=(ByHour("x", "carrier", title="x"),)),
        "Slice 'x': 'carrier' is a string, and a ByHour goes by timestamp",
    ),
    "a band of a text": (lambda: model_with(slices=(ByBand("x", "dest", title="x", edges=(1.0,)),)), "ByBand goes by"),
    "slices without a comma": (lambda: replace(MODEL, slices=ByHour("x", "landed_at", title="x")), "slices must be a"),
    "a task's class": (lambda: replace(MODEL, task=Regression), "task must be a task, such as Regression()"),
    "inputs without a comma": (lambda: replace(TRAINING, inputs="carrier"), "inputs must be a tuple of str or Input"),
    "packages without a comma": (lambda: replace(TRAINING, packages="numpy"), "packages must be a tuple of str"),
    "nothing as fit": (lambda: replace(TRAINING, fit=None), "Training, fit must be a function, not None"),
    "hyperparameters as a dict": (lambda: replace(TRAINING, hyperparameters={}), "pydantic's BaseModel, not {}"),
    "thresholds without a function": (
        lambda: replace(MODEL.validation, thresholds={}),
        "Validation, thresholds must be a function, not {}",
    ),
    "a window at no time": (lambda: replace(ORIGIN, at="carrier"), "'carrier' must be a timestamp, not string"),
    "a mean of a text": (
        lambda: replace(ORIGIN, aggregates=(Mean("m", "x", of="carrier"),)),
        "'carrier' is a string, which has no sum or mean",
    ),
    "an entity that is a text": (lambda: replace(ORIGIN, entity="origin"), "entity must be as {'key'"),
    "aggregates without a comma": (lambda: replace(ORIGIN, aggregates=Count("n", "x")), "aggregates must be a tuple"),
    "a look-back in days": (lambda: computed_table(look_back=2), "look_back must be a timedelta"),
    "the name of a function": (lambda: computed_table(compute="f"), "compute must be a function, not 'f'"),
    "tables without a comma": (lambda: replace(PROJECT, feature_tables=ORIGIN), "feature_tables must be a tuple"),
    "a table called as one of the pipeline's": (
        lambda: project_of(replace(ORIGIN, name="predictions")),
        "can be called 'predictions', which the pipeline makes",
    ),
    "a package that is not there": (lambda: replace(PROJECT, package="fligths").folder, "no package 'fligths'"),
    "a module as package": (
        lambda: replace(PROJECT, package="mlops_core_tests.flights.train").folder,
        "There is no package 'mlops_core_tests.flights.train' to import",
    ),
    "a package that is not pinned": (
        lambda: model_requirements(model_with(training=replace(TRAINING, packages=("numpy", "polars")))),
        "polars is not pinned in .*requirements.txt",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_it_is_one_sentence(mistake: str) -> None:
    declare, sentence = REFUSED[mistake]
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert re.search(sentence.replace("(", r"\(").replace(")", r"\)").replace("{", r"\{"), str(refused.value))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["prediction", "predicted_class", "model_version", "flight_id", "day", "carrier"])
def test_what_predictions_have_is_called_differently(name: str) -> None:
    with pytest.raises((NameRefusedError, DeclarationError), match=name):
        project_of(counting(name))


@pytest.mark.parametrize("name", ["predicted_probability", "class_probabilities"])
def test_what_predictions_of_classes_have_is_called_differently(name: str) -> None:
    with pytest.raises((NameRefusedError, DeclarationError), match=name):
        replace(BANDS, feature_tables=(replace(BANDED_ORIGIN, aggregates=(Count(name, "x"),)),))


@pytest.mark.parametrize(
    ("classes", "label", "sentence"),
    [
        ((1, 2, 3), "string", "the label 'band' is a string, and a MulticlassClassification learns int, bigint"),
        (("1", "2", "3"), "int", "the label 'band' is a int, and a MulticlassClassification learns string"),
        ((1, 2, 3), "double", "the label 'band' is a double, and a MulticlassClassification learns int, bigint"),
    ],
)
def test_classes_are_values_of_the_label(classes: tuple, label: str, sentence: str) -> None:
    columns = (replace(each, type=label) if each.name == "band" else each for each in BANDED.columns)
    events = replace(BANDED, columns=tuple(columns))
    model = replace(BAND_MODEL, task=MulticlassClassification(classes=classes))
    with pytest.raises(DeclarationError, match=sentence):
        Project("mlops_core_tests.flights", events=events, feature_tables=(), models=(model,))


def test_the_time_is_no_input_and_no_input_stands_twice() -> None:
    for inputs in (("carrier", "scheduled_departure"), ("carrier", "carrier")):
        with pytest.raises(NameRefusedError, match=inputs[1]):
            seeing(*inputs)


def test_a_text_that_reads_as_a_column_is_none() -> None:
    assert of_input("CASE WHEN carrier = 'late' THEN 1.0 END").sources(of_input("length(carrier)").inputs[1])
    assert of_input("if(carrier = 'late' OR dest = \"landed_at\", 1, 0)").inputs[1].name == "x"


def test_the_names_that_are_reserved_are_those_that_the_pipeline_makes() -> None:
    served = {"endpoint": Endpoint(name="late", online_store=OnlineStore(name="late"))}
    defs = definitions_of(PROJECT, load_target(PROJECT, "dev").model_copy(update=served), prefix="")
    made = {key.to_user_string() for key in defs.get_repository_def().asset_graph.get_all_asset_keys()}
    tables = {table.name for table in PROJECT.feature_tables}
    tables |= {name for events in PROJECT.event_tables for name in (events.name, events.raw_name, events.rejected_name)}
    own = {MODEL.name, "candidate_validation", *tables}
    assert made - own == set(ASSETS)
    outputs = {output.name for output in MODEL.task.outputs}
    assert set(prediction_columns(PROJECT)) - set(PROJECT.carried) - outputs == set(OF_PREDICTIONS)


def test_a_project_needs_neither_feature_tables_nor_slices() -> None:
    model = Model("late_model", "x", task=MODEL.task, training=TRAINING)
    project = Project("mlops_core_tests.flights", events=FLIGHTS, feature_tables=(), models=(model,))
    assert definitions_of(project, load_target(project)).assets


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("encoding", True, "encoding must be an Encoding, not True"),
        ("encoding", Encoding, "encoding must be an Encoding, not <class"),
        ("trainer", "xgboost", "trainer must be an XGBoost, not 'xgboost'"),
        ("search", {"depth": (1, 9)}, "search must be a Search, not {"),
        ("weights", None, "weights must map a class to a number, such as {0: 0.1}, not None"),
        ("sampling", None, "sampling must map a class to a number, such as {0: 0.1}, not None"),
    ],
)
def test_a_part_of_a_training_is_what_it_is_called(name: str, value: object, wanted: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(f"Training, {wanted}")):
        model_with(training=replace(TRAINING, **{name: value}))


@pytest.mark.parametrize("name", ["training", "validation"])
def test_a_model_has_both_parts(name: str) -> None:
    with pytest.raises(DeclarationError, match=f"Model 'late_model', {name} must be a {name.title()}, not None"):
        replace(MODEL, **{name: None})


def test_a_trainer_is_of_the_label_that_is_predicted() -> None:
    trainer = XGBoost(FLIGHTS, objective="reg:squarederror")
    training = replace(TRAINING, trainer=trainer, inputs=("distance",))
    model = {"task": Regression(), "label": "arr_delay", "validation": Validation(), "not_watched": ()}
    with pytest.raises(DeclarationError, match="is of 'late' of 'flights', and 'arr_delay' of 'flights' is predicted"):
        model_with(training=training, **model)
    of_label = replace(training, trainer=replace(trainer, events=replace(FLIGHTS, label="arr_delay")))
    assert model_with(training=of_label, **model).events.label_column == "arr_delay"
