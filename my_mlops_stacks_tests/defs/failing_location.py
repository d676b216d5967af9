"""A code location with a schedule and a sensor that fail while a file is there, and the sensor that tells of it."""

import os
from dataclasses import replace
from pathlib import Path

import dagster as dg

from mlops_core.config import load_target
from mlops_core.defs.tick_watch import tick_sensors
from my_mlops_stacks.project import PROJECT

BROKEN = Path(os.environ["FAILING_FOLDER"]) / "broken"


@dg.job
def idle_job() -> None: ...


@dg.sensor(job=idle_job, default_status=dg.DefaultSensorStatus.RUNNING, minimum_interval_seconds=30)
def fragile_sensor() -> dg.SkipReason:
    if BROKEN.exists():
        raise ValueError("the registry is away")
    return dg.SkipReason("all is well")


@dg.schedule(
    job=idle_job,
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def fragile_schedule() -> dg.SkipReason:
    if BROKEN.exists():
        raise KeyError("late_days")
    return dg.SkipReason("no day is due")


@dg.sensor(job=idle_job, default_status=dg.DefaultSensorStatus.STOPPED, minimum_interval_seconds=30)
def stopped_sensor() -> dg.SkipReason:
    raise ValueError("nobody should hear of it")


VARIABLES = {"alert_channel": os.environ["FAILING_CHANNEL"], "schedules": "running"}
TARGET = load_target(PROJECT, "local", environ={f"BUNDLE_VAR_{name}": value for name, value in VARIABLES.items()})
WATCHING = replace(PROJECT, prefix=os.environ.get("FAILING_PREFIX", ""))
defs = dg.Definitions(
    jobs=[idle_job],
    schedules=[fragile_schedule],
    sensors=[fragile_sensor, stopped_sensor, *tick_sensors(WATCHING, TARGET, {"fragile_schedule"})],
)
