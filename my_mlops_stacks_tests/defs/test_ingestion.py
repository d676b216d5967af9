"""What a run of some days takes of the source, and what of the tables it replaces."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from deltalake import DeltaTable

from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.pipeline_runs import Pipeline, failure

FIRST, LAST = date(2016, 2, 1), date(2016, 2, 29)
LATE_DAYS = 2
TABLES = ("trips", "rejected_trips", "trip_pickup_features", "trip_dropoff_features")
TRIPS_A_DAY = 6
WITHOUT_PICKUP = "null in tpep_pickup_datetime"


class Ingesting(Pipeline):
    """Runs of `feature_engineering_job` on a file of trips that a test makes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, first_day=str(FIRST), last_day=str(LAST))
        workflow = self.target.feature_engineering_workflow.model_copy(update={"late_days": LATE_DAYS})
        self.target = self.target.model_copy(update={"feature_engineering_workflow": workflow})
        self.definitions, self.delivered = definitions_of(PROJECT, self.target), folder / "delivered.parquet"

    def build(
        self, trips: pd.DataFrame, first: date, last: date | None = None, **config: object
    ) -> dg.ExecuteInProcessResult:
        trips.to_parquet(self.delivered)
        days = (str(first), str(last or first))
        return self.run("feature_engineering_job", days, ingest_trips={"path": str(self.delivered)} | config)

    def rejected(self) -> list[dict]:
        """The rejected trips, whatever their times: pandas would not hold them."""
        folder = self.target.state_path / "warehouse" / self.target.schema_name / "rejected_trips"
        return DeltaTable(folder).to_pyarrow_table().select(["reason", "day"]).to_pylist()

    def materialized(self, asset: str = "trips") -> Mapping[str, dg.MetadataValue]:
        return self.instance.get_latest_materialization_event(dg.AssetKey(asset)).asset_materialization.metadata

    def check(self, name: str = "few_trips_are_rejected") -> dg.AssetCheckEvaluation:
        key = dg.AssetCheckKey(dg.AssetKey("trips"), name)
        return self.instance.get_latest_asset_check_evaluation_record(key).evaluation


def trips_of(first: date, last: date) -> pd.DataFrame:
    """Six trips a day, the last of them over midnight; fares tell trips apart."""
    days = pd.date_range(first, last, freq="D").astype("datetime64[us]")
    minutes = pd.to_timedelta([5, 8 * 60, 8 * 60 + 10, 12 * 60, 18 * 60, 23 * 60 + 50], unit="min")
    pickups = pd.Series([day + minute for day in days for minute in minutes]).astype("datetime64[us]")
    columns = {
        "tpep_pickup_datetime": pickups,
        "tpep_dropoff_datetime": pickups + pd.Timedelta(minutes=20),
        "trip_distance": 2.0,
        "fare_amount": [5.0 + number / 100 for number in range(len(pickups))],
        "pickup_zip": pd.Series(10001, range(len(pickups)), "int32"),
        "dropoff_zip": pd.Series(10002, range(len(pickups)), "int32"),
    }
    return pd.DataFrame(columns)


def with_faults(trips: pd.DataFrame) -> pd.DataFrame:
    """Beside the good ones: a trip twice, one before its fare, one without a pickup time, and one without any time."""
    faulty = trips.iloc[[40, 80, 120, 160]].copy()
    faulty.iloc[1, faulty.columns.get_loc("fare_amount")] = None
    faulty.iloc[2:, faulty.columns.get_loc("tpep_pickup_datetime")] = pd.NaT
    faulty.iloc[3, faulty.columns.get_loc("tpep_dropoff_datetime")] = pd.NaT
    return pd.concat([trips, faulty], ignore_index=True)


def on(day: date, trips: pd.DataFrame) -> pd.Series:
    return trips["tpep_pickup_datetime"].dt.date == day


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Ingesting:
    """One run over all partitions, of trips from a week before the first one to a day after the last one."""
    made = Ingesting(tmp_path_factory.mktemp("whole"))
    trips = with_faults(trips_of(FIRST - timedelta(days=7), LAST + timedelta(days=1)))
    assert made.build(trips, FIRST, LAST).success
    return made


def test_a_whole_run_takes_every_trip(whole):
    trips, rejected = whole.table("trips"), whole.table("rejected_trips")
    assert len(trips) == (7 + 29 + 1) * TRIPS_A_DAY
    assert sorted(rejected["reason"]) == ["duplicate", WITHOUT_PICKUP, WITHOUT_PICKUP, "superseded"]
    assert rejected["day"].isna().sum() == 1


def test_parts_of_the_days_one_after_another_make_the_tables_of_one_run(whole, tmp_path):
    made = Ingesting(tmp_path)
    trips = with_faults(trips_of(FIRST - timedelta(days=7), LAST + timedelta(days=1)))
    parts = [(FIRST, date(2016, 2, 8)), (date(2016, 2, 18), LAST), (date(2016, 2, 6), date(2016, 2, 17))]
    parts += [(date(2016, 2, 20), date(2016, 2, 20)), (LAST, LAST)]
    for first, last in parts:
        assert made.build(trips, first, last).success
    for name in TABLES:
        pd.testing.assert_frame_equal(made.table(name), whole.table(name))


def test_a_run_takes_its_day_and_what_was_delivered_late_for_the_days_before_it(tmp_path):
    made, trips, day = Ingesting(tmp_path), trips_of(FIRST, LAST), date(2016, 2, 10)
    before = {day - timedelta(days=number): number for number in range(LATE_DAYS + 2)}
    late = pd.concat([on(past, trips) & (trips.index % TRIPS_A_DAY == 0) for past in before], axis=1).any(axis=1)
    assert made.build(trips[~late], FIRST, LAST).success

    assert made.build(trips, day).success

    counts = made.table("trips").groupby("day").size()
    assert {past: TRIPS_A_DAY - counts[past] for past in before} == {
        past: int(number > LATE_DAYS) for past, number in before.items()
    }
    assert counts.sum() == len(trips) - 1
    newest = made.materialized()
    assert newest["replaced"].value == "(day >= DATE'2016-02-08' AND day < DATE'2016-02-11') OR day IS NULL"
    assert newest["dagster/row_count"].value == len(trips) - 1


def test_a_run_leaves_other_days_alone_even_when_the_source_has_lost_them(tmp_path):
    made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
    assert made.build(trips, FIRST, LAST).success

    assert made.build(trips[on(LAST, trips)], LAST, allow_removal=True).success

    counts = made.table("trips").groupby("day").size()
    gone = {LAST - timedelta(days=1), LAST - timedelta(days=2)}
    assert set(counts.index) == {day.date() for day in pd.date_range(FIRST, LAST)} - gone


def test_a_broken_day_is_not_hidden_by_the_good_days_before_it(tmp_path):
    made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
    day = date(2016, 2, 10)
    assert made.build(trips, FIRST, LAST).success
    trips.loc[on(day, trips) & (trips.index % TRIPS_A_DAY > 0), "fare_amount"] = -1.0

    assert not made.build(trips, day).success

    evaluation = made.check()
    assert evaluation.description.startswith("5 of 18 trips were rejected, more than 5%")
    assert made.build(trips, day + timedelta(days=LATE_DAYS + 1)).success
    assert made.check().metadata["rejected"].value == 0


def test_a_broken_day_keeps_no_other_day_from_being_built_when_both_have_arrived(tmp_path):
    made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
    day = date(2016, 2, 10)
    trips.loc[on(day, trips) & (trips.index % TRIPS_A_DAY > 0), "fare_amount"] = -1.0
    trips.to_parquet(made.delivered)
    job = made.definitions.resolve_job_def("feature_engineering_job")

    def arrives(which: date) -> bool:
        days = {f"dagster/asset_partition_range_{end}": str(which) for end in ("start", "end")}
        config = {"ops": {"ingest_trips": {"config": {"path": str(made.delivered)}}}}
        tags = days | {"arrival/look": "a run"}
        return job.execute_in_process(config, instance=made.instance, tags=tags, raise_on_error=False).success

    assert arrives(day + timedelta(days=1))
    assert made.check().metadata["accepted"].value == TRIPS_A_DAY
    assert not arrives(day)


def test_days_without_a_delivery_are_named(tmp_path):
    made, trips = Ingesting(tmp_path), trips_of(FIRST, FIRST)
    assert "There are no trips from 2016-02-08 to 2016-02-10 in the input" in failure(
        made.build(trips, date(2016, 2, 10))
    )


def test_a_table_of_rejected_trips_without_days_is_brought_up_to_date(tmp_path):
    """As versions before left it: its rows are of no day, so the next run replaces them."""
    made, trips = Ingesting(tmp_path), with_faults(trips_of(FIRST, LAST))
    with dg.build_resources({name: made.definitions.resources[name] for name in ("spark", "tables")}) as built:
        rows = built.tables.spark.spark_session.sql("SELECT 'duplicate' AS reason, 10001 AS pickup_zip")
        built.tables.replace("rejected_trips", rows)

    assert made.build(trips, date(2016, 2, 10)).success

    assert list(made.table("rejected_trips")["reason"]) == [WITHOUT_PICKUP]


class TestWhatARunRemoves:
    def test_a_source_that_has_lost_a_month_is_refused_and_nothing_is_written(self, tmp_path):
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        assert made.build(trips, FIRST, LAST).success
        before = made.table("trips")

        said = failure(made.build(trips[:84], FIRST, LAST))

        assert (
            "The source lacks 90 of the 174 trips that this run replaces, and all trips of 15 of their 29 days" in said
        )
        assert "more than 20%, so nothing was written" in said and "allow_removal: true" in said
        pd.testing.assert_frame_equal(made.table("trips"), before)
        assert made.build(trips[:84], FIRST, LAST, allow_removal=True).success
        assert len(made.table("trips")) == 84

    def test_what_little_goes_is_said(self, tmp_path):
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        assert made.build(trips, FIRST, LAST).success
        assert "removed_trips" not in made.materialized()

        assert made.build(trips.drop(index=[*range(6), 100]), FIRST, LAST).success

        assert made.materialized()["removed_trips"].value == 7
        assert made.materialized()["removed_days"].value == "2016-02-01"

    def test_a_trip_whose_fare_arrives_is_not_removed(self, tmp_path):
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        under_way = trips.assign(
            fare_amount=None, tpep_dropoff_datetime=pd.Series(pd.NaT, trips.index, "datetime64[us]")
        )
        assert made.build(under_way.astype({"fare_amount": float}), FIRST, LAST).success
        assert made.build(trips, FIRST, LAST).success
        assert made.materialized()["removed_trips"].value == 0
        assert made.table("trips")["fare_amount"].notna().all()

    def test_nobody_misses_generated_trips(self, tmp_path, monkeypatch):
        monkeypatch.delenv("TRIPS_PATH", raising=False)
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        days = (str(FIRST), str(LAST))
        assert made.run("feature_engineering_job", days, ingest_trips={"rows": 600}).success
        assert made.build(trips, FIRST, LAST).success
        assert len(made.table("trips")) == len(trips)

        assert "The source lacks 174 of the 174 trips" in failure(
            made.run("feature_engineering_job", days, ingest_trips={"rows": 600})
        )


class TestWhatIsRejected:
    def test_one_fault_that_takes_the_dear_trips_blocks_below_five_percent(self, tmp_path):
        made, trips = Ingesting(tmp_path), pd.concat([trips_of(FIRST, LAST)] * 3, ignore_index=True)
        trips["trip_distance"] = [1.0 + number / 100 for number in range(len(trips))]  # else they were duplicates
        trips.loc[trips.index[-20:], "fare_amount"] = 1e300  # 3.8 %
        assert not made.build(trips, FIRST, LAST).success
        assert made.check().description.startswith(
            "20 of 522 trips were rejected for 'fare above 10,000 USD', more than 1%"
        )

    def test_trips_that_are_delivered_twice_are_no_fault(self, tmp_path):
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        assert made.build(pd.concat([trips, trips]), FIRST, LAST).success
        assert made.check().metadata["rejected_by_reason"].value == {"duplicate": 174}

    def test_a_table_that_two_runs_have_doubled_does_not_pass(self, tmp_path):
        made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
        assert made.build(trips, FIRST, LAST).success
        assert made.check("each_trip_is_accepted_once").passed
        with dg.build_resources({name: made.definitions.resources[name] for name in ("spark", "tables")}) as built:
            rows = built.tables.read("trips")
            built.tables.replace("trips", rows.union(rows), None, ("day",))

        key = dg.AssetCheckKey(dg.AssetKey("trips"), "each_trip_is_accepted_once")
        job = dg.define_asset_job("judge", dg.AssetSelection.checks(key))
        definitions = dg.Definitions.merge(made.definitions, dg.Definitions(jobs=[job]))
        definitions.resolve_job_def("judge").execute_in_process(instance=made.instance, raise_on_error=False)

        assert not made.check(key.name).passed
        assert made.check(key.name).description.startswith("174 trips are in the table more than once")


def test_broken_clocks_are_kept_aside_and_stop_nothing(tmp_path):
    """A timestamp that pandas cannot hold in nanoseconds is among the few rows of a preview."""
    made, trips = Ingesting(tmp_path), trips_of(FIRST, LAST)
    clocks = ["1900-01-01", "2088-03-01", "2099-12-31", "9999-12-31 23:59:59"]
    pickups = pd.Series([pd.Timestamp(clock).as_unit("us") for clock in clocks], trips.index[:4])
    assert made.build(pd.concat([trips, trips[:4].assign(tpep_pickup_datetime=pickups)]), FIRST, LAST).success
    late = "tpep_pickup_datetime in the future; tpep_dropoff_datetime not after tpep_pickup_datetime"
    assert sorted(row["reason"] for row in made.rejected()) == [
        "tpep_pickup_datetime before 2009-01-01",
        late,
        late,
        late,
    ]
    assert "9999-12-31" in made.materialized("rejected_trips")["preview"].value
    assert len(made.table("trips")) == len(trips)
