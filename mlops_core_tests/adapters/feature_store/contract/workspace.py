"""The six endpoints of a workspace that Databricks' feature engineering client calls, on a loopback port.

What the server makes of look-ups, the feature specification, is made by the client's own code that did this before the
server did. What is not said here: rights, online stores, feature functions.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

import yaml

TYPES = {"int": "INTEGER", "bigint": "LONG", "double": "DOUBLE", "float": "FLOAT", "string": "STRING", "date": "DATE"}
TYPES |= {"timestamp": "TIMESTAMP", "boolean": "BOOLEAN", "smallint": "SHORT"}
SPARK_TYPES = {name: kind for kind, name in TYPES.items()}


class Workspace:
    """Answers for the feature tables that were added."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Any]] = {}

    def add_table(self, name: str, columns: Mapping[str, str], keys: list[str], time: str | None) -> None:
        """A table with a primary key; `columns` maps names to Spark types, `time` is its time-series column."""
        self._tables[name] = {"columns": dict(columns), "keys": keys, "times": [time] if time else []}

    def answer(self, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> dict[str, Any] | None:  # noqa: PLR0911 - one for each endpoint
        """The reply to a call, None for what is not there; ValueError for what cannot be."""
        match path.strip("/").split("/")[2:]:
            case ["feature-store", "feature-tables", "create"]:
                return self._created(body)
            case ["feature-store", "features", "get"]:
                return self._features(query["feature_table"])
            case ["feature-store", "feature-tables", "get-online-stores"]:
                names = body.get("feature_tables", [])
                return {"feature_table_online_stores": [{"feature_table": name} for name in names]}
            case ["feature-store", "feature-spec", "generate-yaml"]:
                return {"feature_spec_yaml": self._specification(body)}
            case ["unity-catalog", "tables", name]:
                return self._table(name)
            case ["unity-catalog", "securable-tags", "TABLE", name] if name in self._tables:
                return {}
        return None

    def _created(self, body: Mapping[str, Any]) -> dict[str, Any]:
        columns = [*body["primary_keys"], *body.get("timestamp_keys", []), *body.get("features", [])]
        times = [column["name"] for column in body.get("timestamp_keys", [])]
        keys = [column["name"] for column in body["primary_keys"]]
        kinds = {column["name"]: SPARK_TYPES[column["data_type"]] for column in columns}
        self._tables[body["name"]] = {"columns": kinds, "keys": [*keys, *times], "times": times}
        return {"feature_table": {"name": body["name"]}}

    def _features(self, name: str) -> dict[str, Any] | None:
        if name not in self._tables:
            return None
        columns = enumerate(sorted(self._tables[name]["columns"].items()))  # the server's order
        return {
            "features": [
                {"table": name, "id": str(number), "name": column, "data_type": TYPES[kind]}
                for number, (column, kind) in columns
            ]
        }

    def _table(self, name: str) -> dict[str, Any] | None:
        if name not in self._tables:
            return None
        table = self._tables[name]
        key = {"name": "pk", "child_columns": table["keys"], "timeseries_columns": table["times"]}
        return {
            "full_name": name,
            "securable_kind": "TABLE_DELTA",
            "table_type": "MANAGED",
            "table_id": name,
            "created_at": 0,
            "columns": [{"name": column} for column in table["columns"]],
            "table_constraints": [{"primary_key_constraint": key}],
        }

    def _specification(self, body: Mapping[str, Any]) -> str:
        from databricks.ml_features.entities.feature_table import FeatureTable
        from databricks.ml_features.entities.materialized_feature import MaterializedFeature
        from databricks.ml_features.utils import training_scoring_utils as client

        lookups = [_lookup(feature["feature_lookup"]) for feature in body.get("features", [])]
        features, tables = {}, {}
        for name in {lookup.table_name for lookup in lookups}:
            tables[name] = FeatureTable.from_uc_get_table_response(self._table(name))
            columns = sorted(self._tables[name]["columns"].items())
            features[name] = [MaterializedFeature(name, column, column, TYPES[kind], "") for column, kind in columns]
        metadata = client._FeatureTableMetadata(features, tables, {})
        columns = client.get_column_infos(lookups, [], metadata, df_columns=body.get("input_columns", []))
        defaults = {
            one["feature_name"]: one["default_value"]
            for feature in body.get("features", [])
            for one in feature["feature_lookup"].get("default_values", [])
        }
        for info in columns.feature_column_infos:  # the client's own code knows no defaults, the server does
            info._default_value_str = defaults.get(info.output_name)
        excluded = body.get("exclude_columns", [])
        return yaml.safe_dump(client.build_feature_spec(lookups, metadata, columns, excluded, 0)._to_dict())


def _lookup(said: Mapping[str, Any]) -> Any:
    from databricks.feature_engineering import FeatureLookup

    seconds = said.get("lookback_window_seconds")
    times = said.get("timestamp_lookup_keys", [])
    return FeatureLookup(
        table_name=said["table_name"],
        lookup_key=said["lookup_keys"],
        feature_names=said.get("feature_names"),
        rename_outputs={one["feature_name"]: one["output_name"] for one in said.get("rename_outputs", [])},
        timestamp_lookup_key=times[0] if times else None,
        lookback_window=None if seconds is None else timedelta(seconds=float(seconds)),
    )


class _Handler(BaseHTTPRequestHandler):
    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlparse(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": f"{self.path} does not exist"}
        try:
            found = self.server.workspace.answer(url.path, query, json.loads(body) if body else {})
            status, reply = (404, missing) if found is None else (200, found)
        except ValueError as error:
            status, reply = 400, {"error_code": "INVALID_PARAMETER_VALUE", "message": str(error)}
        data = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = _reply  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(workspace: Workspace) -> Iterator[str]:
    """The address at which the workspace answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.workspace = workspace
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
