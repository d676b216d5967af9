"""A declared search: what is refused when it is declared, and when a target or a launch asks for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from mlops_core.config import TargetError, load_target
from mlops_core.defs.hyperparameters import search_of_retraining
from mlops_core.defs.training import training_config
from mlops_core.project import Choice, DeclarationError, FloatRange, IntRange, Project, Search, Training
from mlops_core_tests.flights.project import MODEL, PROJECT
from mlops_core_tests.flights.train import TRAINING

LEAVES = {"max_leaf_nodes": IntRange(2, 64)}


def training(search: Any, kind: type[BaseModel] = TRAINING.hyperparameters) -> Training:
    return replace(TRAINING, hyperparameters=kind, search=search)


class Minutes(BaseModel):
    search_minutes: float = 1.0


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "no parameter": (
        lambda: training(Search({"leaves": IntRange(2, 64)})),
        "Search: there is no hyperparameter 'leaves'; choose from max_iter, max_leaf_nodes, learning_rate.",
    ),
    "beyond the field's bound": (
        lambda: training(Search({"max_leaf_nodes": IntRange(1, 64)})),
        "Search: the hyperparameter 'max_leaf_nodes' does not take 1: Input should be greater than 1.",
    ),
    "fractions of a whole number": (
        lambda: training(Search({"max_leaf_nodes": FloatRange(2, 64)})),
        "'max_leaf_nodes' does not take 25.681892: Input should be a valid integer, got a number with a fractional",
    ),
    "a choice of another type": (
        lambda: training(Search({"learning_rate": Choice((0.1, "fast"))})),
        "'learning_rate' does not take 'fast': Input should be a valid number",
    ),
    "nothing to search": (lambda: Search({}), "Search: space must name the values to try, such as"),
    "a tuple as range": (
        lambda: Search({"a": (1, 2)}),
        "Search: 'a' must be an IntRange, a FloatRange or a Choice, not",
    ),
    "no trials": (lambda: Search(LEAVES, trials=0), "Search: trials is 0, and must be a whole number, at least 1."),
    "no minutes": (lambda: Search(LEAVES, minutes=0), "Search: minutes is 0, and must be a number above 0."),
    "no end": (lambda: Search(LEAVES, minutes=float("inf")), "Search: minutes is inf, and must be a number above 0."),
    "no folds": (lambda: Search(LEAVES, folds=0), "Search: folds is 0, and must be a whole number, at least 1."),
    "a negative seed": (lambda: Search(LEAVES, seed=-1), "Search: seed is -1, and must be a whole number, at least 0."),
    "half a trial": (lambda: Search(LEAVES, trials=1.5), "Search: trials is 1.5, and must be a whole number"),
    "ends the wrong way round": (lambda: IntRange(9, 3), "IntRange(9, 3): the first end must be below the second."),
    "a range of one": (lambda: FloatRange(3, 3), "FloatRange(3, 3): the first end must be below the second."),
    "a logarithm of zero": (lambda: FloatRange(0, 1, log=True), "with log=True the first end must be above 0."),
    "half a number": (lambda: IntRange(1.5, 3), "IntRange(1.5, 3): both ends must be whole numbers, from"),
    "an endless range": (lambda: FloatRange(0, float("inf")), "FloatRange(0, inf): both ends must be numbers, from"),
    "a text as end": (lambda: FloatRange("0", 1), "both ends must be numbers, from"),
    "an end of no double": (lambda: IntRange(1, 10**400), "both ends must be whole numbers, from -1e+300 to 1e+300."),
    "wider than a double": (lambda: FloatRange(-1e308, 1e308), "both ends must be numbers, from -1e+300 to 1e+300."),
    "a choice of lists": (lambda: Choice(([1], [2])), "Choice must be a tuple of texts, numbers, True, False or None"),  # type: ignore[arg-type]
    "a choice of NaN": (lambda: Choice((float("nan"), 1.0)), "Choice must be a tuple of texts, numbers, True, False"),
    "a choice of nothing": (
        lambda: Choice(()),
        "Choice must be a tuple of different values, such as ('a', 'b'), not ().",
    ),
    "a choice of one letter each": (lambda: Choice("ab"), "Choice must be a tuple of texts, numbers"),
    "a value twice": (lambda: Choice((1, 1)), "Choice must be a tuple of different values"),
    "a dict as search": (lambda: training(LEAVES), "Training, search must be a Search, not {"),
    "a parameter that a launch asks for": (
        lambda: training(None, Minutes),
        "Training: a hyperparameter can't be called 'search_minutes', which a launch asks for itself.",
    ),
}


@pytest.mark.parametrize("mistake", REFUSED)
def test_it_is_one_sentence(mistake: str) -> None:
    declare, sentence = REFUSED[mistake]
    with pytest.raises(DeclarationError) as refused:
        declare()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


WITHOUT = replace(PROJECT, models=(replace(MODEL, training=replace(TRAINING, search=None)),))
WORKFLOW = "      hyperparameters: {max_iter: 20, max_leaf_nodes: 4}"


def stating(folder: Path, *keys: str, project: Project = PROJECT) -> Any:
    """The local target of flights, whose model_workflow states more."""
    own = folder / "flights"
    copytree(PROJECT.folder, own)
    file = own / "databricks.yml"
    text = file.read_text()
    assert WORKFLOW in text
    file.write_text(text.replace(WORKFLOW, "\n".join([WORKFLOW, *(f"      {key}" for key in keys)])))
    return load_target(project, "local", environ={}, folder=own)


def fields(target: Any, project: Project = PROJECT) -> dict[str, Any]:
    made = training_config(project, target)(holdout_days=1)
    return {name: value for name, value in made.model_dump().items() if name.startswith("search")}


def test_nothing_is_searched_unless_somebody_asks(tmp_path: Path) -> None:
    target = load_target(PROJECT, "local", environ={})
    assert fields(target) == {"search": False, "search_trials": 30, "search_minutes": 10.0}
    assert search_of_retraining(PROJECT, target) == {}
    assert fields(target, WITHOUT) == {}


@pytest.mark.parametrize(
    ("when", "launched", "retrained"), [("always", True, {}), ("retraining", False, {"search": True})]
)
def test_a_target_says_which_trainings_search_and_how_long(
    tmp_path: Path, when: str, launched: bool, retrained: dict[str, bool]
) -> None:
    target = stating(tmp_path, f"search: {when}", "search_trials: 7", "search_minutes: 2.5")
    assert fields(target) == {"search": launched, "search_trials": 7, "search_minutes": 2.5}
    assert search_of_retraining(PROJECT, target) == retrained


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("search: sometimes", "search is 'sometimes', but it should be 'never', 'retraining' or 'always'."),
        ("search_trials: 0", "search_trials is 0, but it should be greater than 0."),
        ("search_minutes: 0", "search_minutes is 0, but it should be greater than 0."),
        ("searches: always", "searches is an unknown key: the mapping states the keys cron_schedule, "),
    ],
)
def test_a_target_that_asks_for_no_search_is_refused(tmp_path: Path, key: str, sentence: str) -> None:
    with pytest.raises(TargetError, match="model_workflow") as refused:
        stating(tmp_path, key)
    assert sentence in str(refused.value)


def test_a_target_can_not_ask_for_a_search_that_is_not_declared(tmp_path: Path) -> None:
    with pytest.raises(
        TargetError, match="search is 'always', but 'late_model' declares no search: give its Training one"
    ):
        stating(tmp_path, "search: always", project=WITHOUT)


@pytest.mark.parametrize("asked", [{"search_trials": 0}, {"search_minutes": 0.0}])
def test_a_launch_without_a_budget_is_refused(asked: dict[str, float]) -> None:
    kind = training_config(PROJECT, load_target(PROJECT, "local", environ={}))
    with pytest.raises(ValidationError, match="greater than 0"):
        kind(holdout_days=1, search=True, **asked)


def test_the_launchpad_tells_the_bounds() -> None:
    told = training_config(PROJECT, load_target(PROJECT, "local", environ={})).model_fields
    assert told["search_trials"].description == "Combinations that a search tries at most (above 0)"
    assert told["search_minutes"].description == "After so many a search begins no further one (above 0)"
