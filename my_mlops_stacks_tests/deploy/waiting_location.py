"""A code location whose runs wait until a test lets them go: what the queue and run monitoring are seen to work on."""

import os
import time
from pathlib import Path

import dagster as dg

FOLDER = Path(os.environ["WAITING_FOLDER"])
RUNS = 6


@dg.op
def wait_to_be_let_go(context: dg.OpExecutionContext) -> None:
    (FOLDER / f"process_{context.run_id}").write_text(str(os.getpid()))
    while not (FOLDER / "go").exists():
        time.sleep(0.05)


@dg.job(tags={"databricks/cluster": "0123-456789-shared"}, executor_def=dg.in_process_executor)
def waiting_job() -> None:
    wait_to_be_let_go()


@dg.sensor(job=waiting_job, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
def six_at_once(context: dg.SensorEvaluationContext) -> list[dg.RunRequest]:
    return [dg.RunRequest(run_key=str(number)) for number in range(RUNS)]


defs = dg.Definitions(jobs=[waiting_job], sensors=[six_at_once])
