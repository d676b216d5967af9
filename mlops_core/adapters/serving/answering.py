"""From the body of a request to the body of its answer, by MLflow's scoring server.

MLflow parses the payload and writes the answer, as `mlflow models serve` and Databricks do. Its errors carry the
request and a stack trace; here they are a sentence, and the trace goes to the log.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Container
from typing import Any, NamedTuple

from mlops_core.adapters.serving.newest_rows import LookUpTableError
from mlops_core.adapters.serving.request_columns import RequestError
from mlops_core.adapters.serving.served_version import ServedVersion

JSON = "application/json"
RECORDS, SPLIT = "dataframe_records", "dataframe_split"
BAD_REQUEST, UNAVAILABLE = 400, 503
ECHO = "\nError: "
"""What MLflow puts between the rows of a request, which it repeats, and the reason."""
SHOWN = 500

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    status: int
    body: str


def refused(status: int, code: str, sentence: str) -> Answer:
    """An error as MLflow and Databricks write it."""
    return Answer(status, json.dumps({"error_code": code, "message": sentence}))


def answer(served: ServedVersion, body: bytes) -> Answer:
    """The predictions for a payload, or why there are none."""
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc.scoring_server import invocations

    try:
        made = invocations(_payload(body, served.types), JSON, served, None)
    except RequestError as error:
        return refused(BAD_REQUEST, "BAD_REQUEST", str(error))
    except MlflowException as error:
        return _explained(served, error)
    return Answer(made.status, made.response)


def _payload(body: bytes, columns: Container[str]) -> dict[str, Any]:
    try:
        payload = json.loads(body)
    except RecursionError:
        raise RequestError("The body is nested too deeply: send rows as flat records.") from None
    except ValueError as error:
        raise RequestError(f"The body is no JSON in UTF-8: {error}.") from None
    if not isinstance(payload, dict) or len({RECORDS, SPLIT} & payload.keys()) != 1:
        raise RequestError(f'Send {{"{RECORDS}": [{{column: value, ...}}, ...]}} or {{"{SPLIT}": {{...}}}}.')
    if not isinstance(payload.get("params") or {}, dict):
        raise RequestError('"params" is such as {"name": value, ...}.')
    kept = {name: payload[name] for name in (SPLIT, "params") if name in payload}
    if SPLIT not in payload:
        return kept | {RECORDS: _known(payload[RECORDS], columns)}
    _require_rectangle(payload[SPLIT])
    return kept


def _known(records: Any, columns: Container[str]) -> list[dict[str, Any]]:
    """The records without columns of no use: pandas would make a cell of each of them in every row."""
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise RequestError(f'"{RECORDS}" is a list of records, such as [{{column: value, ...}}, ...].')
    return [{name: value for name, value in record.items() if name in columns} for record in records]


def _require_rectangle(split: Any) -> None:
    names, rows = (split.get("columns"), split.get("data")) if isinstance(split, dict) else (None, None)
    if not isinstance(names, list) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise RequestError(f'"{SPLIT}" is such as {{"columns": [column, ...], "data": [[value, ...], ...]}}.')
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise RequestError(
                f'Row {number} of "data" has {len(row)} values for {len(names)} columns: give each row one for each.'
            )


def _explained(served: ServedVersion, error: Any) -> Answer:
    cause = error.__context__
    if isinstance(cause, RequestError):
        return refused(BAD_REQUEST, "BAD_REQUEST", str(cause))
    if isinstance(cause, LookUpTableError):
        return refused(UNAVAILABLE, "TEMPORARILY_UNAVAILABLE", str(cause))
    logger.warning("Version %s did not predict", served.version.version, exc_info=error)
    said = str(cause) if cause and error.message.startswith("Encountered") else error.message.rpartition(ECHO)[2]
    reason = next(iter(said.strip().splitlines()), type(cause).__name__)[:SHOWN]
    return refused(
        BAD_REQUEST, "BAD_REQUEST", f"Version {served.version.version} does not predict these rows: {reason}"
    )
