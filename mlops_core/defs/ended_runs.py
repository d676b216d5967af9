"""A run that was ended changes nothing more: its process may live on when whoever ended it could not reach it."""

import dagster as dg

ENDED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE)


def require_running(instance: dg.DagsterInstance, run_id: str) -> None:
    """Refuse to go on when somebody, or the monitoring of runs, has ended the run.

    A step on a cluster has an instance that knows no run; there it is the step launcher that ends the step.

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
