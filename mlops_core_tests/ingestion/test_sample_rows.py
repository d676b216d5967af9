"""Rows that are drawn from a shape have that shape, and something to learn of inputs and of recent labels."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

from mlops_core.ingestion.sample_rows import Draw, SampleRows
from mlops_core.project.columns import ColumnType

DAY = date(2026, 3, 2)
SHAPE = SampleRows(
    event_time="at",
    known_at="known",
    hours_to_label=(2.0, 4.0, 10.0),
    label=Draw("late", "int", "value", shares={"0": 0.7, "1": 0.3}),
    draws=(
        Draw("id", "bigint", "id"),
        Draw("size", "double", "number", quantiles=(0.0, 10.0, 100.0), nulls=0.1),
        Draw("mode", "string", "value", shares={"air": 0.8, "sea": 0.2}),
        Draw("shop", "string", "key", count=8),
        Draw("on", "date", "date"),
    ),
    entity="shop",
)
NUMBER = replace(SHAPE, label=Draw("cost", "double", "number", quantiles=(1.0, 5.0, 50.0)))


def drawn(shape: SampleRows, rows: int = 2_000, day: date = DAY, seed: int = 0, factor: float = 1.0) -> pd.DataFrame:
    return shape.of_day(day, rows, seed, factor).to_pandas()


def test_the_columns_have_their_shape() -> None:
    rows = drawn(SHAPE, 20_000)
    assert rows["size"].quantile([0, 0.5, 1]).round().tolist() == pytest.approx([0, 10, 100], abs=1)
    assert rows["size"].isna().mean() == pytest.approx(0.1, abs=0.01)
    assert (rows["mode"] == "sea").mean() == pytest.approx(0.2, abs=0.01)
    assert sorted(rows["shop"].unique()) == [f"shop {number}" for number in range(1, 9)]
    assert rows.id.is_unique
    assert set(rows["on"]) == {DAY}
    assert rows.late.mean() == pytest.approx(0.3, abs=0.1)  # the level of eight shops moves the share of a week
    assert (rows["at"].dt.date == DAY).all() and rows["at"].is_monotonic_increasing
    hours = (rows.known - rows["at"]).dt.total_seconds() / 3600
    assert hours.between(2, 10).all()


def test_the_same_arguments_give_the_same_rows_and_others_do_not() -> None:
    pd.testing.assert_frame_equal(drawn(SHAPE), drawn(SHAPE))
    assert not drawn(SHAPE).equals(drawn(SHAPE, seed=1))
    tomorrow = drawn(SHAPE, day=DAY + timedelta(days=1))
    assert not set(drawn(SHAPE).id) & set(tomorrow.id)


def test_inputs_tell_of_the_label() -> None:
    rows = drawn(SHAPE).dropna()
    assert roc_auc_score(rows.late, rows["size"]) > 0.7
    numbers = drawn(NUMBER).dropna()
    assert numbers.cost.corr(numbers["size"], method="spearman") > 0.4


def test_recent_labels_of_an_entity_tell_of_the_next_ones_and_those_of_long_ago_do_not() -> None:
    """The mean of a shop on one day, against that of the next day of its week, and of a day half a year later."""
    monday, next_day, much_later = (
        drawn(NUMBER, 20_000, day).groupby("shop").cost.mean()
        for day in (DAY, DAY + timedelta(days=1), DAY + timedelta(days=182))
    )
    assert np.corrcoef(monday, next_day)[0, 1] > 0.9
    assert abs(np.corrcoef(monday, much_later)[0, 1]) < 0.9


def test_a_factor_shifts_labels() -> None:
    assert drawn(NUMBER, factor=2.0).cost.sum() == pytest.approx(2 * drawn(NUMBER).cost.sum(), rel=0.01)
    assert drawn(SHAPE, factor=1.5).late.mean() > 1.2 * drawn(SHAPE).late.mean()


def test_files_hold_exactly_the_rows_of_the_days(tmp_path: Path) -> None:
    last = DAY + timedelta(days=9)
    SHAPE.write(tmp_path, rows=4_321, seed=0, first_day=DAY, last_day=last, drift_from=last)
    rows = pd.read_parquet(tmp_path)
    assert len(rows) == 4_321
    assert sorted(set(rows["at"].dt.date)) == [DAY + timedelta(days=number) for number in range(10)]
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]
    count = int((rows["at"].dt.date == last).sum())
    shifted = drawn(SHAPE, count, last, factor=1.25)
    assert rows[rows["at"].dt.date == last].late.sum() == shifted.late.sum()


def test_what_is_not_known_yet_has_no_label() -> None:
    rows = drawn(replace(SHAPE, hours_to_label=(1e6, 1e6)), day=date.today())
    assert rows.known.isna().all() and rows.late.isna().all()


@pytest.mark.parametrize("kind", ["boolean", "int", "bigint", "float", "double", "string"])
def test_a_value_of_any_type(kind: ColumnType) -> None:
    shares = {"true": 0.5, "false": 0.5} if kind == "boolean" else {"1": 0.5, "2": 0.5}
    shape = replace(SHAPE, draws=(Draw("value", kind, "value", shares=shares, nulls=0.2),), entity="value")
    table = shape.of_day(DAY, 100, 0)
    expected = {"boolean": pa.bool_(), "int": pa.int32(), "bigint": pa.int64(), "float": pa.float32()}
    assert table.schema.field("value").type == expected.get(kind, pa.string() if kind == "string" else pa.float64())
    assert table["value"].null_count > 0
    assert len(set(table["value"].drop_null().to_pylist())) == 2


def test_nothing_but_the_time_may_be_drawn() -> None:
    rows = drawn(replace(SHAPE, draws=(), entity="", known_at="", hours_to_label=()))
    assert list(rows) == ["at", "late"]


def test_a_day_may_have_no_row() -> None:
    assert drawn(SHAPE, 0).empty and drawn(NUMBER, 0).empty


@pytest.mark.parametrize("wrong", [{"rows": 0}, {"seed": -1}, {"last_day": date(2026, 1, 1)}, {"drift_factor": 0.0}])
def test_arguments_out_of_their_range_are_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"rows": 10, "seed": 0, "first_day": DAY, "last_day": DAY}
    with pytest.raises(ValueError, match="Rows can be drawn for rows >= 1"):
        SHAPE.write(tmp_path / "rows", **right | wrong)  # type: ignore[arg-type]
    assert not (tmp_path / "rows").exists()
