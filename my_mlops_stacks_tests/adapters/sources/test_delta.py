"""Delta tables as inputs: what the log says is read, and a table that cannot be read so is refused by name."""

from __future__ import annotations

import base64
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core_tests.adapters.odd_names import ODD_NAMES
from my_mlops_stacks_tests.adapters.sources.sample import TIMES, TRIPS, good_rows, is_sample, source_rows

MICROSECONDS = TRIPS.astype(dict.fromkeys(TIMES, "datetime64[us]"))
Z85 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
)
"""From the digits of Python's base 85 to those of Delta's."""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Three commits of one trip each, after one whose rows are gone."""
    folder = tmp_path / "tables" / "trips"
    write_deltalake(folder, MICROSECONDS)
    write_deltalake(folder, MICROSECONDS[:1], mode="overwrite")
    write_deltalake(folder, MICROSECONDS[1:2], mode="append")
    write_deltalake(folder, MICROSECONDS[2:], mode="append")
    return folder


def test_replaced_rows_do_not_come_back(table: Path) -> None:
    assert is_sample(good_rows(table))


def test_deleted_rows_do_not_come_back(table: Path) -> None:
    DeltaTable(table).delete("pickup_zip = 7030")
    assert good_rows(table).pickup_zip.tolist() == [10103, 11422]


def test_after_a_checkpoint_and_without_the_log_before_it(table: Path) -> None:
    DeltaTable(table).create_checkpoint()
    write_deltalake(table, MICROSECONDS[:0], mode="append")
    for number in range(3):
        (table / "_delta_log" / f"{number:020}.json").unlink()
    assert is_sample(good_rows(table))


@pytest.mark.parametrize("name", [*ODD_NAMES, "%20", "a&b=c", "back\\slash"])
def test_a_table_in_a_folder_of_any_name(table: Path, tmp_path: Path, name: str) -> None:
    shutil.copytree(table, tmp_path / name / name)
    before = sorted(tmp_path.rglob("*"))
    assert is_sample(good_rows(tmp_path / name / name))
    assert sorted(tmp_path.rglob("*")) == before


def test_partitions_and_columns_that_came_later(tmp_path: Path) -> None:
    odd = MICROSECONDS.assign(note=["a b", "50%/#", None])
    write_deltalake(tmp_path / "t", odd[:2].drop(columns="fare_amount"), partition_by=["pickup_zip", "note"])
    write_deltalake(tmp_path / "t", odd[2:], partition_by=["pickup_zip", "note"], mode="append", schema_mode="merge")
    rows = good_rows(tmp_path / "t")
    assert rows.pickup_zip.tolist() == TRIPS.pickup_zip.tolist()
    assert rows.fare_amount.isna().tolist() == [True, True, False]


def test_moments_of_a_table_are_read_as_declared(tmp_path: Path) -> None:
    moments = {name: MICROSECONDS[name].dt.tz_localize("America/New_York").dt.tz_convert("UTC") for name in TIMES}
    write_deltalake(tmp_path / "t", MICROSECONDS.assign(**moments))
    with pytest.raises(
        UnreadableEventsError, match="has times of the zone UTC, where wall clock without a zone is decl"
    ):
        source_rows(tmp_path / "t")
    assert is_sample(good_rows(tmp_path / "t", "UTC"))


class TestOnlyItsLogSays:
    def test_the_folder_above_is_refused(self, table: Path) -> None:
        for folder in (table.parent, table.parent.parent):
            with pytest.raises(UnreadableEventsError, match=f"{table} is a Delta table, .* name that fold"):
                source_rows(folder)

    def test_what_is_inside_is_refused(self, tmp_path: Path) -> None:
        write_deltalake(tmp_path / "t", MICROSECONDS, partition_by=["pickup_zip"])
        DeltaTable(tmp_path / "t").delete("pickup_zip = 7030")
        file = next((tmp_path / "t").rglob("pickup_zip=7030/*.parquet"))
        (tmp_path / "link").symlink_to(file.parent)
        (tmp_path / "linked").mkdir()
        (tmp_path / "linked" / "trips.parquet").symlink_to(file)
        for inside in (file.parent, file, tmp_path / "t" / "_delta_log", tmp_path / "link", tmp_path / "linked"):
            with pytest.raises(UnreadableEventsError, match=f"{tmp_path / 't'} is a Delta table"):
                source_rows(inside)

    def test_tables_of_other_formats_are_refused(self, tmp_path: Path) -> None:
        for name, log in (("hudi", ".hoodie/hoodie.properties"), ("iceberg", "metadata/v1.metadata.json")):
            data = tmp_path / name / "data" / "part.parquet"
            for file in (data, tmp_path / name / log):
                file.parent.mkdir(parents=True)
                file.touch()
            TRIPS.to_parquet(data)
            for path in (tmp_path / name, data.parent, data):
                with pytest.raises(UnreadableEventsError, match=f"{tmp_path / name} is an? {name.title()} table"):
                    source_rows(path)


def without_its_first_commit(log: Path) -> None:
    (log / f"{0:020}.json").unlink()


def without_a_commit(log: Path) -> None:
    (log / f"{2:020}.json").unlink()


def with_an_empty_commit(log: Path) -> None:
    (log / f"{3:020}.json").write_text("")


def with_half_a_commit(log: Path) -> None:
    commit = log / f"{3:020}.json"
    commit.write_text(commit.read_text()[:-50])


def without_commits(log: Path) -> None:
    for commit in log.iterdir():
        commit.unlink()


def with_a_checkpoint_that_is_gone(log: Path) -> None:
    (log / "_last_checkpoint").write_text('{"version":2,"size":3}')


@pytest.mark.parametrize(
    "damage",
    [
        without_its_first_commit,
        without_a_commit,
        with_an_empty_commit,
        with_half_a_commit,
        without_commits,
        with_a_checkpoint_that_is_gone,
    ],
)
def test_a_damaged_log_is_refused_by_name(table: Path, damage: Callable[[Path], None]) -> None:
    damage(table / "_delta_log")
    with pytest.raises(UnreadableEventsError, match=f"The log of the Delta table {table} is damaged or incomplete"):
        source_rows(table)


def test_a_feature_that_nobody_here_knows_is_named(table: Path) -> None:
    commit = table / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    protocol = next(action["protocol"] for action in actions if "protocol" in action)
    known = protocol.get("readerFeatures", [])
    protocol |= {"minReaderVersion": 3, "minWriterVersion": 7}
    protocol |= {"readerFeatures": [*known, "fancy"], "writerFeatures": [*known, "fancy"]}
    commit.write_text("\n".join(map(json.dumps, actions)))
    with pytest.raises(UnreadableEventsError, match=r"not read here .*'fancy'.* write a copy of its rows"):
        source_rows(table)


def test_a_missing_data_file_is_named(table: Path) -> None:
    file = table / DeltaTable(table).file_uris()[0].rpartition("/")[2]
    whole = file.read_bytes()
    file.unlink()
    with pytest.raises(UnreadableEventsError, match=f"table {table} lacks its data file {file}"):
        source_rows(table)
    file.write_bytes(whole[:-10])
    with pytest.raises(UnreadableEventsError, match=f"data file {file} of the Delta table {table} has .* bytes where"):
        source_rows(table)


def test_a_table_without_rows(table: Path) -> None:
    DeltaTable(table).delete()
    with pytest.raises(UnreadableEventsError, match=f"Delta table {table} has no rows"):
        source_rows(table)


def changed(table: Path, change: Callable[[dict], None]) -> None:
    """Each action of the table's last commit is changed."""
    commit = max((table / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    for action in actions:
        change(action)
    commit.write_text("\n".join(map(json.dumps, actions)))


def test_rows_marked_as_deleted_are_refused(tmp_path: Path) -> None:
    """The vector is written by hand, as Delta's protocol has it: its first row is deleted."""
    bitmap = struct.pack("<IIHHIH", 12346, 1, 0, 0, 16, 0)
    vector = struct.pack("<IQI", 1681511377, 1, 0) + bitmap
    deleted = {
        "storageType": "i",
        "pathOrInlineDv": base64.b85encode(vector + bytes(-len(vector) % 4)).decode().translate(Z85),
        "sizeInBytes": len(vector),
        "cardinality": 1,
    }
    write_deltalake(tmp_path / "t", MICROSECONDS)

    def mark(action: dict) -> None:
        if "protocol" in action:
            action["protocol"]["readerFeatures"] = ["deletionVectors", "timestampNtz"]
            action["protocol"]["writerFeatures"] = ["deletionVectors", "timestampNtz"]
        if "add" in action:
            action["add"]["deletionVector"] = deleted

    changed(tmp_path / "t", mark)
    with pytest.raises(UnreadableEventsError, match="t marks rows as deleted .* REORG TABLE"):
        source_rows(tmp_path / "t")


def test_mapped_columns_are_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", MICROSECONDS)

    def name_columns(action: dict) -> None:
        if "protocol" in action:
            action["protocol"]["readerFeatures"] += ["columnMapping"]
            action["protocol"]["writerFeatures"] += ["columnMapping"]
        if "metaData" in action:
            schema = json.loads(action["metaData"]["schemaString"])
            for number, field in enumerate(schema["fields"]):
                named = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": f"col-{number}"}
                field["metadata"] = named
            action["metaData"]["schemaString"] = json.dumps(schema)
            action["metaData"]["configuration"]["delta.columnMapping.mode"] = "name"

    changed(tmp_path / "t", name_columns)
    with pytest.raises(UnreadableEventsError, match="t maps its columns to other names"):
        source_rows(tmp_path / "t")
