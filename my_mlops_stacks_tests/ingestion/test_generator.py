from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import lightgbm as lgb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from my_mlops_stacks.ingestion import city
from my_mlops_stacks.ingestion.generator import (
    NOISE_FLOOR_USD,
    expected_fares,
    generate_trips,
    trips_of_day,
    trips_per_day,
)
from my_mlops_stacks_tests.samples import ON_THE_REAL_TRIPS, Sample

FIRST, LAST = date(2016, 1, 1), date(2016, 2, 29)
SEED = 5
VALID = "fare_amount > 0 AND trip_distance > 0 AND tpep_dropoff_datetime > tpep_pickup_datetime"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200,000 trips of sixty days."""
    folder = tmp_path_factory.mktemp("generated")
    generate_trips(folder, rows=200_000, seed=SEED, first_day=FIRST, last_day=LAST)
    return folder


@pytest.fixture(scope="module")
def trips(folder: Path) -> pd.DataFrame:
    """The valid ones, by time of pickup, with what is handy to have."""
    trips = duckdb.sql(f"SELECT * FROM '{folder}/*.parquet' WHERE {VALID} ORDER BY tpep_pickup_datetime").df()
    pickup = trips.tpep_pickup_datetime.dt
    return trips.assign(
        minutes=(trips.tpep_dropoff_datetime - trips.tpep_pickup_datetime).dt.total_seconds() / 60,
        day=pickup.date,
        hour=pickup.hour,
        weekend=pickup.dayofweek >= 5,
        second=pickup.hour * 3600 + pickup.minute * 60 + pickup.second,
    )


@pytest.fixture(scope="module")
def best(trips: pd.DataFrame) -> np.ndarray:
    """The generator's own formula without its noise."""
    fares = pd.Series(0.0, index=trips.index)
    for day, of_day in trips.groupby("day"):
        fares[of_day.index] = expected_fares(
            seed=SEED,
            day=day,
            second=of_day.second.to_numpy(),
            pickup_zip=of_day.pickup_zip.to_numpy(),
            dropoff_zip=of_day.dropoff_zip.to_numpy(),
            miles=of_day.trip_distance.to_numpy(),
        )
    return fares.to_numpy()


def generated(folder: Path, **arguments: object) -> pd.DataFrame:
    generate_trips(
        folder, **({"rows": 3_000, "seed": SEED, "first_day": FIRST, "last_day": date(2016, 1, 5)} | arguments)
    )
    return pd.concat([pd.read_parquet(file) for file in sorted(folder.glob("*.parquet"))], ignore_index=True)


@pytest.mark.parametrize("rows", [1, 37, 10_000, 123_457])
def test_exactly_as_many_trips_as_asked_for(tmp_path: Path, rows: int) -> None:
    generate_trips(tmp_path, rows=rows, seed=SEED, first_day=FIRST, last_day=LAST)
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path}/*.parquet'").fetchall() == [(rows,)]


def test_a_full_day_is_a_file_with_the_types_of_the_real_trips(folder: Path) -> None:
    files = sorted(file.name for file in folder.iterdir())
    assert files == [f"trips-{FIRST + timedelta(days=i)}.parquet" for i in range(60)]
    for file in ("trips-2016-01-01.parquet", "trips-2016-02-29.parquet"):
        of_day = pd.read_parquet(folder / file)
        assert set(of_day.tpep_pickup_datetime.dt.strftime("trips-%Y-%m-%d.parquet")) == {file}
        assert of_day.tpep_pickup_datetime.is_monotonic_increasing
    schema = {field.name: str(field.type) for field in pq.read_schema(folder / files[0])}
    assert schema == {
        "tpep_pickup_datetime": "timestamp[us]",
        "tpep_dropoff_datetime": "timestamp[us]",
        "trip_distance": "double",
        "fare_amount": "double",
        "pickup_zip": "int32",
        "dropoff_zip": "int32",
    }


def test_small_days_share_a_file_and_a_day_without_trips_has_none(tmp_path: Path) -> None:
    generate_trips(tmp_path, rows=2_500, seed=SEED, first_day=FIRST, last_day=LAST)
    written = sorted(tmp_path.iterdir())
    files = [pd.read_parquet(file).tpep_pickup_datetime for file in written]
    assert [file.name for file in written] == [f"trips-{pickups.min().date()}.parquet" for pickups in files]
    assert len(files) == 3
    assert all(1_000 <= len(file) <= 1_100 for file in files[:-1])
    assert pd.concat(files).dt.date.is_monotonic_increasing
    assert all(before.max().date() < after.min().date() for before, after in pairwise(files))
    few = tmp_path / "few"
    generate_trips(few, rows=7, seed=SEED, first_day=FIRST, last_day=LAST)
    assert sum(len(pd.read_parquet(file)) for file in few.iterdir()) == 7
    assert len(list(few.iterdir())) == 1


class TestReproducibility:
    def test_the_same_seed_gives_the_same_trips(self, tmp_path: Path) -> None:
        pd.testing.assert_frame_equal(generated(tmp_path / "a"), generated(tmp_path / "b"))

    def test_another_seed_gives_other_trips(self, tmp_path: Path) -> None:
        fares = generated(tmp_path / "a").fare_amount
        assert not np.allclose(fares, generated(tmp_path / "b", seed=SEED + 1).fare_amount)

    def test_days_differ(self) -> None:
        monday, tuesday = (trips_of_day(date(2016, 1, d), 100, SEED).to_pandas().fare_amount for d in (4, 5))
        assert not np.allclose(monday, tuesday)

    def test_a_day_does_not_depend_on_the_range(self, tmp_path: Path) -> None:
        generate_trips(tmp_path, rows=1_000, seed=SEED, first_day=FIRST, last_day=LAST)
        together = pd.read_parquet(tmp_path / "trips-2016-01-01.parquet")
        written = together[together.tpep_pickup_datetime.dt.date == date(2016, 2, 2)].reset_index(drop=True)
        alone = trips_of_day(date(2016, 2, 2), len(written), SEED).to_pandas()
        pd.testing.assert_frame_equal(written, alone)

    def test_more_trips_contain_the_fewer(self) -> None:
        few, many = (trips_of_day(FIRST, count, SEED).to_pandas() for count in (500, 2_000))
        assert len(few.merge(many.drop_duplicates())) == 500

    def test_writing_again_replaces(self, tmp_path: Path) -> None:
        pd.testing.assert_frame_equal(generated(tmp_path), generated(tmp_path))


class TestLikeNewYork:
    def test_rush_hours_and_nights(self, trips: pd.DataFrame) -> None:
        share = trips.groupby(["weekend", "hour"]).size() / trips.groupby("weekend").size()
        assert share[False].idxmax() in (18, 19)
        assert share[False][18] > 5 * share[False][4]
        assert share[False][8] > 2 * share[True][8]
        assert share[True][2] > 2 * share[False][2]

    def test_weekends_ask_for_more_taxis(self) -> None:
        counts = pd.Series(trips_per_day(1_000_000, SEED, FIRST, LAST))
        of_weekday = counts.groupby([day.weekday() for day in counts.index]).mean()
        assert of_weekday.idxmax() in (4, 5)
        assert of_weekday.idxmin() in (0, 1, 2, 6)

    def test_traffic_is_slower_by_day(self, trips: pd.DataFrame) -> None:
        speed = (60 * trips.trip_distance / trips.minutes).groupby(trips.hour).median()
        assert speed[4] > 1.4 * speed[12]

    def test_zips_have_their_own_demand_and_price(self, trips: pd.DataFrame) -> None:
        demand = trips.pickup_zip.value_counts()
        assert len(city.ZIPS) == 100
        assert demand.iloc[0] > 50 * demand.iloc[80]
        rate = (
            (trips.fare_amount / (2 + 2 * trips.trip_distance + 0.3 * trips.minutes)).groupby(trips.pickup_zip).mean()
        )
        assert rate[demand.index[:40]].std() > 0.03

    def test_a_ride_from_the_airport_to_manhattan_costs_the_flat_fare(self, trips: pd.DataFrame) -> None:
        ride = trips[(trips.pickup_zip == city.JFK) & (trips.dropoff_zip < 11_000)]
        assert len(ride) > 1_000
        assert set(ride.fare_amount) == {52.0}

    def test_recent_fares_of_a_zip_tell_the_next_ones(self, trips: pd.DataFrame) -> None:
        slope, base = np.polyfit(trips.trip_distance, trips.fare_amount, 1)
        unexplained = trips.fare_amount - base - slope * trips.trip_distance
        cells = unexplained.groupby([trips.pickup_zip, trips.tpep_pickup_datetime.dt.floor("h")]).agg(["mean", "size"])
        cells = cells[cells["size"] >= 5].reset_index(names=["zip", "hour"])
        cells["mean"] -= cells.groupby(["zip", cells.hour.dt.hour])["mean"].transform("mean")
        after = cells.assign(hour=cells.hour + pd.Timedelta(hours=1))
        both = cells.merge(after, on=["zip", "hour"], suffixes=("", "_before"))
        assert both["mean"].corr(both["mean_before"]) > 0.2

    def test_a_few_trips_are_invalid_or_repeated(self, folder: Path) -> None:
        query = f"SELECT avg((NOT ({VALID}))::int) FROM '{folder}/*.parquet'"
        assert duckdb.sql(query).fetchall()[0][0] == pytest.approx(0.0039, abs=0.0006)
        each = duckdb.sql(f"SELECT DISTINCT * FROM '{folder}/*.parquet'").df()
        assert (200_000 - len(each)) / 200_000 == pytest.approx(0.0005, abs=0.0003)

    def test_every_kind_of_invalid_trip_occurs(self, folder: Path) -> None:
        query = f"""SELECT count_if(fare_amount = 0), count_if(fare_amount < 0), count_if(trip_distance = 0),
                    count_if(tpep_dropoff_datetime < tpep_pickup_datetime) FROM '{folder}/*.parquet'"""
        assert all(count > 10 for count in duckdb.sql(query).fetchall()[0])

    @ON_THE_REAL_TRIPS
    @pytest.mark.parametrize("column", ["fare_amount", "trip_distance", "minutes"])
    def test_quantiles_are_those_of_the_real_trips(self, trips: pd.DataFrame, sample: Sample, column: str) -> None:
        query = f"""SELECT *, epoch(tpep_dropoff_datetime - tpep_pickup_datetime) / 60 AS minutes
                    FROM '{sample.path}' WHERE {VALID}"""
        levels = [0.05, 0.25, 0.5, 0.75, 0.9]
        real = duckdb.sql(query).df()[column].quantile(levels)
        assert trips[column].quantile(levels).to_numpy() == pytest.approx(real.to_numpy(), rel=0.2)

    @ON_THE_REAL_TRIPS
    def test_hours_are_those_of_the_real_trips(self, trips: pd.DataFrame, sample: Sample) -> None:
        real = sample.raw().tpep_pickup_datetime.dt.hour.value_counts(normalize=True).sort_index()
        assert trips.hour.value_counts(normalize=True).sort_index().to_numpy() == pytest.approx(real, abs=0.006)


class TestNoiseFloor:
    def test_the_best_prediction_reaches_it(self, trips: pd.DataFrame, best: np.ndarray) -> None:
        error = trips.fare_amount - best
        assert np.sqrt((error**2).mean()) == pytest.approx(NOISE_FLOOR_USD, rel=0.03)
        assert abs(error.mean()) < 0.03

    def test_a_model_finds_nothing_in_what_the_best_prediction_leaves(
        self, trips: pd.DataFrame, best: np.ndarray
    ) -> None:
        known = trips[["trip_distance", "pickup_zip", "dropoff_zip", "second", "weekend"]].assign(best=best)
        left, past = (trips.fare_amount - best).to_numpy(), len(trips) // 2
        model = lgb.train({"verbose": -1, "num_leaves": 15}, lgb.Dataset(known[:past], left[:past]), 20)
        rest = left[past:] - model.predict(known[past:])
        assert np.sqrt((rest**2).mean()) > 0.995 * np.sqrt((left[past:] ** 2).mean())


class TestDrift:
    def test_fares_rise_from_that_day_on_and_nothing_else_changes(self, tmp_path: Path) -> None:
        usual = generated(tmp_path / "usual")
        drifted = generated(tmp_path / "drifted", drift_from=date(2016, 1, 4), drift_factor=1.25)
        later = usual.tpep_pickup_datetime >= "2016-01-04"
        others = [name for name in usual if name != "fare_amount"]
        pd.testing.assert_frame_equal(drifted[others], usual[others])
        assert 0.2 < later.mean() < 0.6
        assert drifted.fare_amount[~later].equals(usual.fare_amount[~later])
        # Not for the trips that never started: those are priced by their kind.
        started = later & (usual.trip_distance > 0) & (usual.fare_amount != 0)
        raised = (1.25 * usual.fare_amount[started]).to_numpy()
        assert drifted.fare_amount[started].to_numpy() == pytest.approx(raised, abs=0.0126)  # both rounded to cents

    def test_a_drift_after_the_range_changes_nothing(self, tmp_path: Path) -> None:
        pd.testing.assert_frame_equal(generated(tmp_path / "a"), generated(tmp_path / "b", drift_from=LAST))


@pytest.mark.parametrize(
    "arguments",
    [{"rows": 0}, {"rows": -5}, {"seed": -1}, {"last_day": date(2015, 12, 31)}, {"drift_factor": 0.0}],
)
def test_refuses_what_makes_no_sense_and_writes_nothing(tmp_path: Path, arguments: dict) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(arguments))}={next(iter(arguments.values()))}"):
        generated(tmp_path / "trips", **arguments)
    assert not (tmp_path / "trips").exists()
