"""A table of Unity Catalog as the source of a new project: Databricks' own SDK over HTTP, SQL answered by DuckDB."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import duckdb
import pandas as pd
import pytest

from mlops_core.adapters.sources import table_sample
from mlops_core.adapters.sources.errors import UnreadableEventsError
from mlops_core.adapters.sources.table_sample import sample_of_table
from mlops_core_tests.cli.new.tables import orders

TABLE = "dev.sales.orders"
TYPES = {"int64": "LONG", "float64": "DOUBLE", "object": "STRING", "datetime64[us]": "TIMESTAMP_NTZ"}
CHUNK = 700


class Workspace(BaseHTTPRequestHandler):
    """One table, and a warehouse that answers in parts; `frame` is the table."""

    frame: pd.DataFrame
    rows: list[list[str | None]]

    def do_GET(self) -> None:
        if "unity-catalog/tables" in self.path and self.path.endswith(TABLE):
            columns = [{"name": name, "type_name": TYPES[str(kind)]} for name, kind in self.frame.dtypes.items()]
            return self._say({"columns": [*columns, {"name": "tags", "type_name": "ARRAY", "type_text": "array<int>"}]})
        if "/result/chunks/" in self.path:
            return self._say(self._chunk(int(self.path.rsplit("/", 1)[1])))
        return self._say({"error_code": "NOT_FOUND", "message": f"Table '{self.path[-20:]}' does not exist."}, 404)

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        orders = self.frame  # the name by which DuckDB finds it
        sql = asked["statement"].replace("`dev`.`sales`.", "").replace("`", '"')
        sql = re.sub(r"\((.*) PERCENT\) REPEATABLE \(0\)", r"bernoulli(\1 PERCENT)", sql)  # Spark draws rows too
        try:
            found = duckdb.query(sql).fetchall()
        except duckdb.Error as error:
            return self._say({"statement_id": "s", "status": {"state": "FAILED", "error": {"message": str(error)}}})
        assert len(orders)
        type(self).rows = [[None if value is None else str(value) for value in row] for row in found]
        return self._say({"statement_id": "s", "status": {"state": "SUCCEEDED"}, "result": self._chunk(0)})

    def _chunk(self, number: int) -> dict[str, Any]:
        part = self.rows[number * CHUNK : (number + 1) * CHUNK]
        more = {"next_chunk_index": number + 1} if len(self.rows) > (number + 1) * CHUNK else {}
        return {"data_array": part, "chunk_index": number, **more}

    def _say(self, content: dict[str, Any], status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(autouse=True)
def frame(monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    rows = orders()
    rows = rows.assign(delivered_at=rows.delivered_at.astype("datetime64[us]"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Workspace,), {"frame": rows}))
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("DATABRICKS_HOST", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("DATABRICKS_TOKEN", "token")
    yield rows
    server.shutdown()
    server.server_close()


def test_all_rows_of_a_small_table_are_read_in_their_types(frame: pd.DataFrame) -> None:
    found = sample_of_table(TABLE, "UTC", warehouse="w")
    assert (found.total, found.is_all) == (len(frame), True)
    assert found.types["ordered_at"] == "timestamp" and found.types["late"] == "double"
    assert "tags" in found.unusable
    got = found.table.to_pandas()[list(frame)].sort_values("order_id", ignore_index=True)
    pd.testing.assert_frame_equal(got, frame, check_dtype=False)


def test_of_a_large_one_some_are_drawn(frame: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sample, "SAMPLE_ROWS", 1_000)
    found = sample_of_table(TABLE, "UTC", warehouse="w")
    assert found.total == len(frame) and not found.is_all
    assert 0 < len(found.table) <= 1_000


def test_without_a_warehouse_its_argument_is_named() -> None:
    with pytest.raises(UnreadableEventsError, match="name one with --warehouse or DATABRICKS_WAREHOUSE_ID"):
        sample_of_table(TABLE, "UTC")


def test_a_table_that_there_is_not_is_one_sentence() -> None:
    with pytest.raises(
        UnreadableEventsError, match=r"The table dev\.sales\.returns can't be read: .*Table .* not exist\."
    ):
        sample_of_table("dev.sales.returns", "UTC", warehouse="w")


def test_a_warehouse_that_refuses_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_sample, "quoted_path", lambda name: "`nothing`")
    with pytest.raises(UnreadableEventsError, match="The SQL warehouse refuses to read the table: "):
        sample_of_table(TABLE, "UTC", warehouse="w")


def test_without_a_sign_in_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path) + "/none")
    with pytest.raises(UnreadableEventsError, match="can't be read: "):
        sample_of_table(TABLE, "UTC", warehouse="w")
