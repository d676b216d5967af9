"""Thirty days that arrive with late, corrected and deleted rows end up as one recomputation of all days makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from mlops_core.cli.demo_arrival import Arrival
from mlops_core.config import ModelTarget
from my_mlops_stacks.project import PROJECT

BEFORE, DAYS, A_TIME, LATE_DAYS = 5, 30, 6, 2
"""Days with which the model is trained, days that arrive after them, how many of these end between two ticks, and how
many days before its own a run takes again."""
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
TABLES = ("trips", "rejected_trips", *(table.name for table in PROJECT.feature_tables), "predictions")
AMOUNT, DROPOFF = "fare_amount", "tpep_dropoff_datetime"


@dataclass
class Delivered(Arrival):
    """What has arrived of each day; monitoring is not run, it changes no row that is compared."""

    rows: dict[date, pd.DataFrame] = field(default_factory=dict)

    def adapted(self, target: ModelTarget) -> ModelTarget:
        """Most of what is late comes later than `late_days`: its own day is built again all the same."""
        workflow = target.feature_engineering_workflow.model_copy(update={"late_days": LATE_DAYS})
        return super().adapted(target).model_copy(update={"feature_engineering_workflow": workflow})

    def run(self, job: str, tags: dict[str, str], config: Mapping[str, object]) -> None:
        if job == "monitoring_job":
            found = self.definitions.resolve_job_def(job)
            self.instance.create_run_for_job(found, tags=tags, status=dg.DagsterRunStatus.SUCCESS)
        else:
            super().run(job, tags, dict(config))

    def arrives(self, day: date, rows: pd.DataFrame) -> None:
        schema = self.of_day(day, 1, 0, 1.0).schema
        self.rows[day] = rows
        self.deliver(pa.Table.from_pandas(rows, schema, preserve_index=False), str(day))

    def tables(self) -> dict[str, pd.DataFrame]:
        folder = self.folder / "warehouse" / self.target.schema_name
        found = {name: DeltaTable(folder / name).to_pandas() for name in TABLES}
        return {name: _in_order(rows) for name, rows in found.items()}


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows.drop(columns=["prediction_time"], errors="ignore")
    scalars = [name for name in kept if not kept[name].map(lambda value: isinstance(value, list | np.ndarray)).any()]
    return kept.sort_values(scalars, ignore_index=True)


def edited(
    world: Delivered, late: dict[date, list[pd.DataFrame]], draw: np.random.Generator, newest: date
) -> set[date]:
    """Late rows arrive, some rows are corrected, some deleted; returns the days whose rows are others."""
    changed = set()
    for day in [day for day in late if day < newest and draw.random() < 0.7]:
        world.arrives(day, pd.concat([world.rows[day], *late.pop(day)], ignore_index=True))
        changed.add(day)
    for day in draw.choice(sorted(world.rows), 2, replace=False):
        rows, picked = world.rows[day].copy(), draw.random(len(world.rows[day])) < 0.05
        if picked.any():
            rows.loc[picked, AMOUNT] = rows.loc[picked, AMOUNT] + 1.0
            world.arrives(day, rows if draw.random() < 0.5 else rows[~picked])
            changed.add(day)
    return changed


def built(requests: list[dg.RunRequest], job: str) -> list[date]:
    ranges = [pd.date_range(*(each.tags[name] for name in RANGE)) for each in requests if each.job_name == job]
    return [day.date() for days in ranges for day in days]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Delivered]:
    made = Delivered(PROJECT, tmp_path_factory.mktemp("arrivals") / "demo")
    before = [made.first_day + timedelta(days=number) for number in range(BEFORE)]
    for day in before:
        made.arrives(day, made.of_day(day, 300, 1, 1.0).to_pandas())
    made.end_day(before[-1])
    list(made.runs())
    made.run("model_training_job", {}, {})
    return made


@pytest.mark.slow
@pytest.mark.timeout(900)  # seconds, on a machine that is busy
def test_what_arrives_piece_by_piece_equals_one_recomputation_and_each_day_is_built_once_a_change(world):
    draw, late = np.random.default_rng(20), {}
    for number in range(BEFORE, BEFORE + DAYS, A_TIME):
        ended = [world.first_day + timedelta(days=number + more) for more in range(A_TIME)]
        changed = edited(world, late, draw, ended[0])
        for day in ended:
            rows = world.of_day(day, 60, 1, 1.0).to_pandas()
            on_time = draw.random(len(rows)) < 0.85
            late[day] = [rows[~on_time]]
            world.arrives(day, rows[on_time])
        world.end_day(ended[-1])
        requests = list(world.runs())
        days = built(requests, "feature_engineering_job")
        assert len(days) == len(set(days)) and changed | set(ended) <= set(days)
        predicted = built(requests, "batch_inference_job")
        assert len(predicted) == len(set(predicted)) and set(ended) <= set(predicted)
        assert not world.tick()
    piece_by_piece = world.tables()
    everything = dict(zip(RANGE, (str(world.target.first_day), str(world.today)), strict=True))
    world.run("feature_engineering_job", everything, {})
    world.run("batch_inference_job", everything | {RANGE[0]: str(world.first_day + timedelta(days=BEFORE))}, {})
    at_once = world.tables()
    for name in TABLES:
        pd.testing.assert_frame_equal(piece_by_piece[name], at_once[name], obj=name)
    delivered = pd.concat(world.rows.values())
    assert len(at_once["trips"]) + len(at_once["rejected_trips"]) == len(delivered)
    assert at_once["trips"][AMOUNT].sum() + at_once["rejected_trips"][AMOUNT].sum() == pytest.approx(
        delivered[AMOUNT].sum()
    )
