"""A request is answered with the newest features of its keys: what batch inference says at the end of time."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from deltalake import write_deltalake

from mlops_core.adapters.feature_store.spec import RAW_MODEL, model_data
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.serving.protocol import Traffic
from mlops_core.adapters.serving.server import served_meanwhile
from mlops_core_tests.adapters.serving.conftest import ASKED, PICKUPS, ROWS, Place, hour

RECORDS = [dict(zip(ASKED.names, row, strict=True)) for row in ROWS]
JSON = [{name: v.isoformat() if hasattr(v, "isoformat") else v for name, v in record.items()} for record in RECORDS]


@pytest.fixture(scope="module")
def server(place: Place, versions: tuple[ModelVersion, ...]) -> Iterator[Any]:
    endpoint = place.served("served", Traffic(versions[0].version))
    endpoint.follow()
    with served_meanwhile({"served": endpoint}) as address:
        yield endpoint, f"{address}/invocations"


def post(address: str, payload: Any, **options: Any) -> requests.Response:
    return requests.post(address, json=payload, timeout=60, **options)


def predictions(address: str, payload: Any) -> list[Any]:
    answered = post(address, payload)
    assert answered.status_code == 200, answered.text
    return answered.json()["predictions"]


def in_batch(place: Place, version: ModelVersion, given: Sequence[pa.Field] = (), values: tuple = ()) -> list[Any]:
    rows = place.frame(pa.schema([*ASKED, *given]), [(*row, *values) for row in ROWS])
    scored = place.store.score_batch(model_uri=version.uri, df=rows, result_type="string").toPandas()
    said = {(row["zip"], row["kind"]): row["prediction"] for row in scored.astype(object).to_dict("records")}
    missing = {key: said for key, said in said.items() if key[0] != key[0]}
    return [said.get((row[0], row[1])) or next(iter(missing.values())) for row in ROWS]


def test_looked_up_features_are_those_of_batch_inference_at_the_end(
    place: Place, versions: tuple[ModelVersion, ...], server: Any
) -> None:
    _, address = server
    found = predictions(address, {"dataframe_records": JSON})
    assert found == in_batch(place, versions[0])
    # by hand: zip, kind, day, km; tariff and rate of its borough, mean and n of its newest row; airport, since
    assert found[0] == "first 1 taxi 2016-02-03 1.5 7 1.25 3 9007199254740993 True 1898-01-01"
    assert found[2] == "first 1 bike None None 7 1.25 None 0 True 1898-01-01"
    assert found[6] == "first 99 taxi 2016-02-04 7 -1 None None 0 None None"


def test_a_row_alone_is_answered_as_among_others(server: Any) -> None:
    _, address = server
    alone = [predictions(address, {"dataframe_records": [record]})[0] for record in JSON]
    assert alone == predictions(address, {"dataframe_records": JSON})


def test_both_payloads_say_the_same(server: Any) -> None:
    _, address = server
    names = ["unknown", *reversed(ASKED.names)]
    data = [[record.get(name) for name in names] for record in JSON]
    split = {"columns": names, "data": data, "index": list(range(50, 50 + len(data)))}
    assert predictions(address, {"dataframe_split": split}) == predictions(address, {"dataframe_records": JSON})


def test_given_features_go_before_look_ups_and_a_given_key_is_looked_up(
    place: Place, versions: tuple[ModelVersion, ...], server: Any
) -> None:
    _, address = server
    schema = pa.schema([("mean", pa.float64()), ("n", pa.int64()), ("borough", pa.string())])
    given = [record | {"mean": 8.5, "n": None, "borough": "Bronx"} for record in JSON]
    found = predictions(address, {"dataframe_records": given})
    assert found == in_batch(place, versions[0], schema, (8.5, None, "Bronx"))
    assert found[0] == "first 1 taxi 2016-02-03 1.5 8 None 8.5 0 True 1898-01-01"


def test_newer_rows_are_served_once_they_are_there(place: Place, server: Any) -> None:
    endpoint, address = server
    place.store.write_table(name="pickups", df=place.frame(PICKUPS, [(2, "taxi", hour(9), 9.5, 90)]))
    assert " 9.5 90 " not in predictions(address, {"dataframe_records": JSON[1:2]})[0]
    endpoint.tables.refresh()
    assert " 9.5 90 " in predictions(address, {"dataframe_records": JSON[1:2]})[0]


def test_requests_at_once_get_their_own_answers(server: Any) -> None:
    _, address = server
    asked = [JSON[place % len(JSON)] | {"km": float(place + 1)} for place in range(80)]
    with ThreadPoolExecutor(50) as pool:
        at_once = [*pool.map(lambda record: predictions(address, {"dataframe_records": [record]})[0], asked)]
    assert at_once == predictions(address, {"dataframe_records": asked})


def test_ten_thousand_rows_are_answered(server: Any) -> None:
    _, address = server
    assert len(predictions(address, {"dataframe_records": JSON[:2] * 5_000})) == 10_000


FIRST, DEEP = JSON[0], "[" * 960 + "]" * 960
REFUSED = {
    "no JSON": ("{", 400, "no JSON"),
    "not UTF-8": (b'{"\xff": 1}', 400, "no JSON in UTF-8"),
    "too deep": ("[" * 100_000, 400, "nested too deeply"),
    "deep in a value": (
        json.dumps({"dataframe_records": [FIRST | {"km": "deep"}]}).replace('"deep"', DEEP),
        400,
        "row 0 is [[[",
    ),
    "no payload": ({"rows": []}, 400, "dataframe_records"),
    "two payloads": ({"dataframe_records": [FIRST], "dataframe_split": {}}, 400, "dataframe_split"),
    "params of no names": ({"dataframe_records": [FIRST], "params": [1]}, 400, '"params" is such as'),
    "tensors": ({"inputs": [1]}, 400, "dataframe_records"),
    "no list": ({"dataframe_records": FIRST}, 400, "is a list of records"),
    "no records": ({"dataframe_records": [FIRST, 1]}, 400, "is a list of records"),
    "no rows": ({"dataframe_records": []}, 400, "has no row"),
    "no key": ({"dataframe_records": [{"kind": "taxi", "at": "2016-01-01", "day": None, "km": 1}]}, 400, "lacks 'zip'"),
    "text for a number": ({"dataframe_records": [FIRST | {"km": "far"}]}, 400, "'km' of row 0 is 'far'"),
    "half an integer": ({"dataframe_records": [FIRST, FIRST | {"zip": 1.5}]}, 400, "'zip' of row 1 is 1.5"),
    "too large": ({"dataframe_records": [FIRST | {"zip": 2**31}]}, 400, "too large for int"),
    "a number for a text": ({"dataframe_records": [FIRST | {"kind": 1}]}, 400, "where a text is expected"),
    "no day": ({"dataframe_records": [FIRST | {"day": "3 Feb"}]}, 400, "a day such as"),
    "a column twice": (
        {"dataframe_split": {"columns": [*FIRST, "zip"], "data": [[*FIRST.values(), 2]]}},
        400,
        "'zip' twice",
    ),
    "ragged": (
        {"dataframe_split": {"columns": ["zip", "kind"], "data": [[1, "taxi"], [1]]}},
        400,
        'Row 1 of "data" has 1 values for 2 columns',
    ),
    "no columns": ({"dataframe_split": {"data": [[1, 2]]}}, 400, '"columns": [column, ...]'),
    "a row that is no list": ({"dataframe_split": {"columns": ["zip"], "data": [1]}}, 400, '"data": [[value, ...]'),
    "the model fails": ({"dataframe_records": [FIRST | {"km": -1}]}, 400, "km is below zero"),
    "17 MB": (b" " * (17 * 1024 * 1024), 413, "16 MB"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_request_gets_a_sentence(server: Any, case: str) -> None:
    payload, status, sentence = REFUSED[case]
    sent = {"data": payload} if isinstance(payload, (str, bytes)) else {"json": payload}
    headers = {"Content-Type": "application/json"}
    answered = requests.post(server[1], headers=headers, timeout=60, **sent)
    said = answered.json()
    assert (answered.status_code, set(said)) == (status, {"error_code", "message"})
    assert sentence in said["message"] and "Traceback" not in answered.text and len(answered.text) < 1_000


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP, br"])
def test_a_compressed_request_is_told_how_to_be_sent(server: Any, encoding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    body = gzip.compress(json.dumps({"dataframe_records": [FIRST]}).encode())
    answered = requests.post(server[1], headers=headers, data=body, timeout=60)
    assert (answered.status_code, answered.headers["Accept-Encoding"]) == (415, "identity")
    assert "without Content-Encoding" in answered.json()["message"]
    plain = requests.post(server[1], json={"dataframe_records": [FIRST]}, headers={"Content-Encoding": "identity"})
    assert plain.status_code == 200


def test_a_model_that_looks_up_what_is_gone_is_unavailable(place: Place, server: Any) -> None:
    endpoint, address = server
    place.store.tables.spark.spark_session  # noqa: B018
    kept = endpoint.tables._loaded.pop("test.zones")
    file = place.store.tables.folder("zones").parent / "_feature_tables" / "zones.json"
    hidden = file.rename(file.with_suffix(".hidden"))
    try:
        answered = post(address, {"dataframe_records": JSON})
        assert (answered.status_code, answered.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert "no feature table 'test.zones'" in answered.json()["message"]
    finally:
        hidden.rename(file)
        endpoint.tables._loaded["test.zones"] = kept


DAMAGED = {"without a key": "no longer has its keys ['zip']", "no description": "does not describe a feature table"}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_table_is_told_once_and_served_as_it_was(
    place: Place, server: Any, case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint, address = server
    folder = place.store.tables.folder("zones")
    description = folder.parent / "_feature_tables" / "zones.json"
    before, kept = description.read_text(), shutil.copytree(folder, tmp_path / "zones")
    said = predictions(address, {"dataframe_records": JSON})
    try:
        if case == "no description":
            description.write_text("{")
        other = pa.table({"zone": pa.array([1], pa.int32())})
        write_deltalake(str(folder), other, mode="overwrite", schema_mode="overwrite")
        endpoint.tables.refresh()
        endpoint.tables.refresh()
        assert [DAMAGED[case] in message for message in caplog.messages] == [True]
        assert predictions(address, {"dataframe_records": JSON}) == said
    finally:
        description.write_text(before)
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
    endpoint.tables.refresh()
    assert predictions(address, {"dataframe_records": JSON}) == said


@pytest.mark.parametrize(("file", "content"), [("python_model.pkl", b""), ("MLmodel", b"{: ["), ("MLmodel", b"")])
def test_a_damaged_model_leaves_what_is_served(
    place: Place, versions: tuple[ModelVersion, ...], file: str, content: bytes
) -> None:
    damaged = model_data(versions[1].uri) / RAW_MODEL / file
    before = damaged.read_bytes()
    wanted = [Traffic(versions[0].version), Traffic(versions[1].version)]
    endpoint = replace(place.served("damaged", wanted[0]), wanted=lambda: wanted[-1])
    endpoint.loaded = endpoint.load(wanted[0])
    damaged.write_bytes(content)
    try:
        endpoint.follow()
    finally:
        damaged.write_bytes(before)
    assert endpoint.loaded.traffic == wanted[0]
    assert "can't be served, for it does not load" in endpoint.error
    endpoint.follow()
    assert (endpoint.loaded.traffic, endpoint.error) == (wanted[1], "")
