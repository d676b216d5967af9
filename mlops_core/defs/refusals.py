"""Refusals: a training run that refuses its candidate succeeds; a refused request of a person fails with a sentence.

A run that trained a candidate and refuses it is a success: its checks, a tag of the run and an observation of the
alias's asset say so, and that asset keeps the version that it has. Whoever asks for a certain version must not believe
that it serves, so their run fails, with the sentence first and without a retry.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.registry_errors import DanglingAliasError, DeletedRunError, ModelNotFoundError
from mlops_core.adapters.scoring_errors import CannotScoreError
from mlops_core.adapters.serving.sample import NoSampleError
from mlops_core.deployment.promotion import NotShadowedError, NotTheChallengerError
from mlops_core.validation.verdict import NotValidatedError

REFUSED_TAG = "refused"
"""On a run that succeeded: which version it refused, and why."""

LONGEST_TAG = 1_000
"""Maximum length of a run tag: databases index the tags, PostgreSQL up to some 2,700 bytes."""

REFUSALS = (
    NotValidatedError,
    NotShadowedError,
    NotTheChallengerError,
    ModelNotFoundError,
    DanglingAliasError,
    DeletedRunError,
    CannotScoreError,
    NoSampleError,
)


class Refused(dg.Failure):
    """A person's request is refused: one sentence, no retry."""

    def __init__(self, sentence: str) -> None:
        super().__init__(description=sentence, allow_retries=False)


def refused_request(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """The sentence with which a person's request was refused in a run that failed; None for any other failure."""
    failed = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    errors = [entry.dagster_event.step_failure_data.error for entry in failed if entry.dagster_event]
    told = [error.message.strip() for error in errors if error and error.cls_name == Refused.__name__]
    return told[0].partition(f"{Refused.__name__}: ")[2] if told else None


@contextmanager
def one_sentence() -> Iterator[None]:
    """Within, a refusal ends the step with its sentence alone, whatever library's error it was made from."""
    try:
        yield
    except REFUSALS as error:
        raise Refused(str(error)) from None


def tell_refusal(context: dg.AssetExecutionContext, version: ModelVersion, why: str) -> None:
    """Say in the log, on the run and on the step's asset that the version was refused; for steps on the host."""
    context.log.warning(why)
    context.instance.add_run_tags(context.run_id, {REFUSED_TAG: why[:LONGEST_TAG]})
    refused: dict[str, Any] = {"refused": True, "model_name": version.name, "version": version.version}
    context.log_event(dg.AssetObservation(context.asset_key, description=why, metadata=refused))
