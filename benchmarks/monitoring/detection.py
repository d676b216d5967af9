"""How soon a change is noticed, and how often one is announced that never was: `-m benchmarks.monitoring.detection`.

For each seed a model is trained on sixty days of generated trips. Then the days after them are delivered again and
again: months in which every fare is another, and a year without any change. All by the real jobs; the rules then judge
each day as they would have on its evening.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import click
import dagster as dg
import pyarrow.parquet as pq

from benchmarks.monitoring.alarms import Alarms, delays, rate
from mlops_core.adapters.tables import Tables
from mlops_core.cli.run_history import local_instance
from mlops_core.config import Target, load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.jobs import MONITOR_TABLES
from mlops_core.defs.resources import build_resources
from mlops_core.monitoring.judge import judge_of
from my_mlops_stacks.ingestion.generator import trips_of_day, trips_per_day
from my_mlops_stacks.project import PROJECT

FIRST_DAY, TRAINED_DAYS = date(2016, 1, 1), 60
CHANGE = FIRST_DAY + timedelta(days=TRAINED_DAYS)
YEAR, MONTH = 365, 30
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
CHECKS = ("metric_within_threshold", "features_have_not_drifted", "predictions_have_not_drifted")


@click.command(help=__doc__)
@click.option("--seeds", default=3, help="Years without change, and months of each change.")
@click.option("--trips-a-day", "sizes", multiple=True, type=int, default=(170, 2_000))
@click.option("--factor", "factors", multiple=True, type=float, default=(0.8, 1.1, 1.2, 1.3, 1.5), help="Of fares.")
@click.option("--days", default=YEAR, help="Days without change, a year of them by default.")
def main(seeds: int, sizes: tuple[int, ...], factors: tuple[float, ...], days: int) -> None:
    logging.disable(logging.WARNING)
    for size in sizes:
        found: dict[float, list[Alarms]] = defaultdict(list)
        for seed in range(seeds):
            started = perf_counter()
            for factor, alarms in deliveries(size, factors, days, seed):
                found[factor].append(alarms)
            click.echo(f"{size} trips a day, seed {seed}: {perf_counter() - started:.0f} s", err=True)
        _report(size, found)


def _report(size: int, found: dict[float, list[Alarms]]) -> None:
    click.echo(f"\n| trips a day | fares | {' | '.join(CHECKS)} |\n|---|---|{'---|' * len(CHECKS)}")
    for factor, each in sorted(found.items()):
        unchanged = factor == 1.0
        said = " | ".join(rate(each, check) if unchanged else delays(each, check) for check in CHECKS)
        click.echo(f"| {size:,} | {'no change' if unchanged else f'{factor - 1:+.0%}'} | {said} |")


def deliveries(trips_a_day: int, factors: tuple[float, ...], days: int, seed: int) -> Iterator[tuple[float, Alarms]]:
    """Each factor, with the alarms of a month of fares that are so many times as high; at last a year with factor 1."""
    with TemporaryDirectory() as temporary:
        scene = Scene(Path(temporary), trips_a_day, seed, days)
        scene.train()
        for factor in factors:
            yield factor, scene.judged(factor, MONTH)
        yield 1.0, scene.judged(1.0, days)


@dataclass(frozen=True)
class Scene:
    """A state folder with a model, to which the days after its training are delivered more than once."""

    folder: Path
    trips_a_day: int
    seed: int
    longest: int

    @property
    def target(self) -> Target:
        last = CHANGE + timedelta(days=max(self.longest, MONTH) - 1)
        days = {"first_day": FIRST_DAY, "last_day": last, "first_predicted_day": CHANGE}
        overrides = {"state_folder": self.folder / "state"} | days
        target = load_target(
            PROJECT, "local", environ={f"BUNDLE_VAR_{name}": str(value) for name, value in overrides.items()}
        )
        model = target.model_workflow.model_copy(update={"holdout_days": MONTH, "run_mode": "disabled"})
        return target.model_copy(update={"model_workflow": model})

    def train(self) -> None:
        self._deliver(1.0, MONTH)
        self._run("feature_engineering_job", FIRST_DAY, MONTH)
        self._run("model_training_job", None, MONTH)

    def judged(self, factor: float, days: int) -> Alarms:
        """What the checks say on the `days` days after the training, with fares `factor` times as high."""
        self._deliver(factor, days)
        self._run("feature_engineering_job", CHANGE, days)
        self._run("batch_inference_job", CHANGE, days)
        self._run("monitoring_job", CHANGE, days, *MONITOR_TABLES)
        with dg.build_resources(build_resources(PROJECT, self.target)) as resources:
            return Alarms(_failed(self.target, resources.tables, days), days)

    def _deliver(self, factor: float, days: int) -> None:
        """The files of the trained days, which are always the same, and of the days after them."""
        folder = self.folder / "trips"
        folder.mkdir(exist_ok=True)
        extent = TRAINED_DAYS + max(self.longest, MONTH)
        counts = trips_per_day(self.trips_a_day * extent, self.seed, FIRST_DAY, FIRST_DAY + timedelta(days=extent - 1))
        for day, count in list(counts.items())[: TRAINED_DAYS + days]:
            trips = trips_of_day(day, count, self.seed, factor if day >= CHANGE else 1.0)
            pq.write_table(trips, folder / f"trips-{day}.parquet")

    def _run(self, job: str, first: date | None, days: int, *assets: str) -> None:
        extent = {"start": first, "end": CHANGE + timedelta(days=days - 1)} if first else {}
        source = {"ops": {"ingest_trips": {"config": {"path": str(self.folder / "trips")}}}}
        definitions_of(PROJECT, self.target).resolve_job_def(job).execute_in_process(
            instance=local_instance(self.target.state_path / "dagster", PROJECT),
            tags={f"dagster/asset_partition_range_{end}": str(day) for end, day in extent.items()},
            run_config=QUIET | (source if job == "feature_engineering_job" else {}),
            asset_selection=[dg.AssetKey(asset) for asset in assets] or None,
        )


def _failed(target: Target, tables: Tables, days: int) -> dict[str, list[int]]:
    profile, drift = (tables.read(name) for name in MONITOR_TABLES)
    judge = judge_of(
        PROJECT, target.monitoring_workflow, profile=profile, drift=drift, now=datetime.now(UTC), first=CHANGE
    )
    failed: dict[str, list[int]] = {check: [] for check in CHECKS}
    for number in range(days):
        found = judge.findings(CHANGE + timedelta(days=number))
        bad = (found.metric.violated, found.drift.features.drifted, found.drift.predictions.drifted)
        for check in (check for check, has_failed in zip(CHECKS, bad, strict=True) if has_failed):
            failed[check].append(number)
    return failed


if __name__ == "__main__":
    main()
