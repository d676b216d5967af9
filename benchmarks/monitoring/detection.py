"""How soon a change is noticed, and how often one is announced that never was: `-m benchmarks.monitoring.detection`.

For each seed: a model of sixty days of generated trips, and then a year without any change, or a month in which every
fare rises. All by the real jobs; the rules then judge each day as they would have on its evening.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from tempfile import TemporaryDirectory

import click
import dagster as dg
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from my_mlops_stacks.adapters.tables import LocalTables
from my_mlops_stacks.definitions import build_definitions
from my_mlops_stacks.defs.resources import build_resources
from my_mlops_stacks.ingestion.generator import generate_trips
from my_mlops_stacks.monitoring.drift_rule import newest_drift
from my_mlops_stacks.monitoring.judged_windows import AsOf
from my_mlops_stacks.monitoring.violation import rule_of
from my_mlops_stacks.run_history import local_instance
from my_mlops_stacks.target import Target, load_target

FIRST_DAY, TRAINED_DAYS = date(2016, 1, 1), 60
YEAR, MONTH = 365, 30
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = ("metric_within_threshold", "features_have_not_drifted", "predictions_have_not_drifted")


@dataclass(frozen=True)
class Alarms:
    """The days after the training, counted from 0, on which each check failed."""

    failed: dict[str, list[int]]

    def first(self, check: str) -> int | None:
        return min(self.failed[check], default=None)

    def episodes(self, check: str) -> int:
        """How often the check failed after it had passed."""
        days = self.failed[check]
        return sum(day - 1 not in days for day in days)


@click.command(help=__doc__)
@click.option("--seeds", default=3, help="Years, and months of each change.")
@click.option("--trips-a-day", "sizes", multiple=True, type=int, default=(170, 2_000))
@click.option("--rise", "factors", multiple=True, type=float, default=(1.1, 1.2, 1.3, 1.5))
def main(seeds: int, sizes: tuple[int, ...], factors: tuple[float, ...]) -> None:
    logging.disable(logging.WARNING)
    click.echo("| trips a day | fares | " + " | ".join(CHECKS) + " |\n|---" * 1 + "|---|" + "---|" * (len(CHECKS) + 1))
    for size in sizes:
        years = [alarms(size, 1.0, YEAR, seed) for seed in range(seeds)]
        rates = [f"{mean(year.episodes(check) for year in years):.1f} false alarms a year" for check in CHECKS]
        click.echo(f"| {size:,} | no change | {' | '.join(rates)} |")
        for factor in factors:
            months = [alarms(size, factor, MONTH, seed) for seed in range(seeds)]
            delays = [_delay([month.first(check) for month in months]) for check in CHECKS]
            click.echo(f"| {size:,} | {factor - 1:+.0%} | {' | '.join(delays)} |")


def _delay(days: list[int | None]) -> str:
    """How many days of the change it took, the day that was judged included."""
    found = [day + 1 for day in days if day is not None]
    if not found:
        return "not noticed in a month"
    missed = f", {len(days) - len(found)} of {len(days)} not noticed" if len(found) < len(days) else ""
    return f"noticed on day {median(found):g} ({min(found)} to {max(found)}){missed}"


def alarms(trips_a_day: int, factor: float, days: int, seed: int) -> Alarms:
    """What the checks said on `days` days after the training, all of which have fares `factor` times as high."""
    with TemporaryDirectory() as temporary:
        target = _target(Path(temporary), days)
        _delivered(Path(temporary) / "trips", trips_a_day, factor, days, seed)
        _run_jobs(target, Path(temporary) / "trips")
        with dg.build_resources(build_resources(target)) as resources:
            return Alarms(_judged(target, resources.tables, days))


def _target(folder: Path, days: int) -> Target:
    last = FIRST_DAY + timedelta(days=TRAINED_DAYS + days - 1)
    overrides = {"state_folder": str(folder / "state"), "first_day": str(FIRST_DAY), "last_day": str(last)}
    target = load_target("local", environ={f"BUNDLE_VAR_{name}": value for name, value in overrides.items()})
    model = target.model_workflow.model_copy(update={"holdout_days": days, "run_mode": "disabled"})
    return target.model_copy(update={"model_workflow": model})


def _delivered(folder: Path, trips_a_day: int, factor: float, days: int, seed: int) -> None:
    change = FIRST_DAY + timedelta(days=TRAINED_DAYS)
    generate_trips(
        folder,
        rows=trips_a_day * (TRAINED_DAYS + days),
        seed=seed,
        first_day=FIRST_DAY,
        last_day=change + timedelta(days=days - 1),
        drift_from=change,
        drift_factor=factor,
    )


def _run_jobs(target: Target, trips: Path) -> None:
    definitions, instance = build_definitions(target), local_instance(target.state_path / "dagster")
    change = FIRST_DAY + timedelta(days=TRAINED_DAYS)
    source = {"ops": {"ingest_trips": {"config": {"path": str(trips)}}}}
    for job, first, config in (
        ("feature_engineering_job", FIRST_DAY, source),
        ("model_training_job", None, {}),
        ("batch_inference_job", change, {}),
        ("monitoring_job", change, {}),
    ):
        days = {"start": first, "end": target.last_day} if first else {}
        tags = {f"dagster/asset_partition_range_{end}": str(day) for end, day in days.items()}
        definitions.resolve_job_def(job).execute_in_process(instance=instance, tags=tags, run_config=QUIET | config)


def _judged(target: Target, tables: LocalTables, days: int) -> dict[str, list[int]]:
    profile, drift = (_small(tables.read(f"inference_{kind}_metrics")) for kind in ("profile", "drift"))
    failed: dict[str, list[int]] = {check: [] for check in CHECKS}
    for number in range(days):
        for check in _failures(target, profile, drift, FIRST_DAY + timedelta(days=TRAINED_DAYS + number)):
            failed[check].append(number)
    return failed


def _small(table: DataFrame) -> DataFrame:
    """Without the slices, which no rule reads, and at hand: a year of days is judged one after the other."""
    rows = table.where(F.col("slice_key").isNull())
    return table.sparkSession.createDataFrame(rows.toArrow(), rows.schema)


def _failures(target: Target, profile: DataFrame, drift: DataFrame, day: date) -> Iterator[str]:
    workflow, evening = target.monitoring_workflow, AsOf(datetime.now(UTC), day)
    found = newest_drift(drift, profile, evening, workflow.minimum_count)
    fine = (rule_of(workflow).evaluate(profile, evening).violated, found.features.drifted, found.predictions.drifted)
    yield from (check for check, failed in zip(CHECKS, fine, strict=True) if failed)


if __name__ == "__main__":
    main()
