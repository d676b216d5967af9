"""A search of hyperparameters by Optuna: trial after trial, each known by its number and the seed alone.

The sampler is made anew for each trial, so that a search that was interrupted goes on as if it had not been.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from statistics import fmean
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from mlops_core.project import Choice, FloatRange, IntRange, Search
from mlops_core.project.search import Range
from mlops_core.tasks import Task
from mlops_core.tasks.task import UnusableRowsError
from mlops_core.training.model_answers import UnusableAnswerError
from mlops_core.training.objective import Objective

if TYPE_CHECKING:
    from pydantic import BaseModel

VALUES, REASON = "values", "reason"
"""What a trial keeps beside its parameters: the metric of each fold, and why it failed."""

FAILURES = (UnusableAnswerError, UnusableRowsError, ValidationError)
"""What makes a trial a failed one, over which the search passes."""

SECONDS = 60


class SearchFailedError(ValueError):
    """No trial gave a model."""


def run(
    study: optuna.Study,
    stated: Search,
    objective: Objective,
    parameters: BaseModel,
    *,
    after_trial: Callable[[], object],
    log: logging.Logger,
) -> BaseModel:
    """Add the trials to `study` that are missing in it, and return the parameters of the best of all.

    Args:
        stated: with the trials and minutes that are asked for.
        parameters: those without a search: the first trial, where the space holds them.
        after_trial: called when the study has one more.

    Raises:
        SearchFailedError: every trial failed.
    """
    space, until = distributions(stated.space), monotonic() + stated.minutes * SECONDS
    if study.trials:
        log.info(f"The search goes on after {len(study.trials)} trials on the same rows")
    for number in range(len(study.trials), stated.trials):
        if number and monotonic() >= until:
            log.info(
                f"The search ends after {number} of {stated.trials} trials: its {stated.minutes:g} minutes are over"
            )
            break
        study.sampler = optuna.samplers.TPESampler(seed=_seed(stated.seed, number))
        if number == 0 and all(values.holds(getattr(parameters, name)) for name, values in stated.space.items()):
            study.enqueue_trial({name: getattr(parameters, name) for name in stated.space})
        _try(study, study.ask(space), objective, parameters)
        after_trial()
        left = max(until - monotonic(), 0) / SECONDS
        log.info(f"{_told(study.trials[number], objective, stated.trials)}; {_best(study)}; {left:.1f} minutes left")
    return with_values(parameters, best_trial(study).params)


def best_trial(study: optuna.Study) -> FrozenTrial:
    """The best of those that ended.

    Raises:
        SearchFailedError: none did.
    """
    if not any(trial.state == TrialState.COMPLETE for trial in study.trials):
        reason = study.trials[-1].user_attrs.get(REASON, "it was not finished")
        raise SearchFailedError(f"All {len(study.trials)} trials of the search failed, the last because {reason}")
    return study.best_trial


def distributions(space: Mapping[str, Range]) -> dict[str, BaseDistribution]:
    """The space as Optuna takes it."""
    return {name: _distribution(values) for name, values in space.items()}


def key_of(stated: Search, objective: Objective, parameters: BaseModel, known: pd.Series) -> str:
    """The same for two searches of which one may go on with the trials of the other.

    It is of all that makes the value of a trial: the model, the rows, the folds, the file of `fit`, the task and its
    metric, the seed, the space and the parameters that no trial changes. Trials and minutes may differ.
    """
    fixed = {name: value for name, value in parameters.model_dump(mode="json").items() if name not in stated.space}
    model = objective.declared
    asked = [stated.space, stated.folds, stated.seed, objective.metric.name, fixed, list(objective.rows.columns)]
    made = [model.name, replace(model.training, search=None), model.task, model.by_segment]
    facts = _facts([asked, made])
    code = Path(getattr(getattr(model.training.fit, "__code__", None), "co_filename", ""))
    found = hashlib.sha256(json.dumps(facts, default=str).encode())
    found.update(code.read_bytes() if code.is_file() else b"")
    for values in (objective.rows, known):
        found.update(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes())
    return found.hexdigest()


def with_values(parameters: BaseModel, values: Mapping[str, Any]) -> BaseModel:
    """The parameters with other values of some.

    Raises:
        ValidationError: they don't go together.
    """
    return type(parameters)(**(parameters.model_dump() | dict(values)))


def _facts(value: Any) -> Any:
    """What is declared, as JSON has it: the same in every process, so a function is its name."""
    if isinstance(value, Mapping):
        return [[str(key), _facts(each)] for key, each in value.items()]
    if isinstance(value, list | tuple):
        return [_facts(each) for each in value]
    if is_dataclass(value) and not isinstance(value, type):
        return [type(value).__name__, *(_facts(getattr(value, each.name)) for each in fields(value))]
    if isinstance(value, Task) or callable(value):
        return getattr(value, "__qualname__", type(value).__name__)
    return value


def _distribution(values: Range) -> BaseDistribution:
    match values:
        case IntRange():
            return IntDistribution(values.low, values.high, log=values.log)
        case FloatRange():
            return FloatDistribution(values.low, values.high, log=values.log)
        case Choice():
            return CategoricalDistribution(values.values)


def _seed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _try(study: optuna.Study, trial: optuna.Trial, objective: Objective, parameters: BaseModel) -> None:
    """Measure a trial fold by fold, and give up as soon as it is worse than half of the others were by then."""
    values: list[float] = []
    try:
        for value in objective.values(with_values(parameters, trial.params)):
            values.append(value)
            trial.set_user_attr(VALUES, values)
            trial.report(fmean(values), len(values) - 1)
            if len(values) < len(objective.folds) and trial.should_prune():
                study.tell(trial, state=TrialState.PRUNED)
                return
    except FAILURES as error:
        trial.set_user_attr(REASON, str(error))
        study.tell(trial, state=TrialState.FAIL)
        return
    study.tell(trial, fmean(values))


def _told(trial: FrozenTrial, objective: Objective, trials: int) -> str:
    done = len(trial.user_attrs.get(VALUES, ()))
    if trial.state == TrialState.FAIL:
        outcome = f"failed: {trial.user_attrs[REASON]}"
    elif trial.state == TrialState.PRUNED:
        outcome = f"given up after {done} of {len(objective.folds)} folds"
    else:
        outcome = f"{objective.metric.name} {trial.value:.5g}"
    tried = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in trial.params.items()
    )
    return f"Trial {trial.number + 1} of {trials}, {tried}: {outcome}"


def _best(study: optuna.Study) -> str:
    try:
        found = best_trial(study)
    except SearchFailedError:
        return "none succeeded so far"
    return f"best so far {found.value:.5g} of trial {found.number + 1}"
