"""Ended runs change nothing more, though their process may survive when it could not be reached."""

import dagster as dg

ENDED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)


def require_running(instance: dg.DagsterInstance, run_id: str) -> None:
    """Stop when the run was ended, by a person or by run monitoring.

    On a cluster the instance does not know the run; there, the step launcher ends the step.

    Raises:
        dg.Failure: the run was ended; it is not retried.
    """
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status in ENDED:
        raise dg.Failure(
            f"The run {run_id} was ended ({run.status.value}) while its process went on, so it moves no alias and "
            "writes no table: launch its job again if the result is wanted.",
            allow_retries=False,
        )
