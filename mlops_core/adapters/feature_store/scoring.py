"""Predicting inside Spark with a raw MLflow model.

The model is Python, so this is the one place where rows pass through Python: as Arrow batches, which share their
memory with the engine; only the model's inputs become pandas, in chunks that keep LightGBM and its like busy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.model_inputs import as_pandas
from mlops_core.adapters.feature_store.protocol import PREDICTION_COLUMN

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from mlflow.pyfunc import PyFuncModel
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType

PARTS = 4
"""Sail runs the model once for each part of the rows; with a part for each of 365 days, a run took 2 GB more."""

CHUNK_ROWS = 262_144
"""A model of segments is asked once for each of them in a chunk."""
LOCAL = "local"
PRIMITIVES = {
    "double": "float64",
    "float": "float32",
    "int": "int32",
    "integer": "int32",
    "long": "int64",
    "bigint": "int64",
    "boolean": "bool",
    "string": "string",
}
RESULT_TYPE = re.compile(r"(?:array<\s*(?P<element>\w+)\s*>|(?P<primitive>\w+))", re.IGNORECASE)
_loading = Lock()


def check_environment(env_manager: str | None) -> None:
    """Refuse to score in another Python environment than this one: only Databricks builds those.

    Raises:
        MlflowException: `env_manager` is not `local`.
    """
    from mlflow.exceptions import MlflowException

    if env_manager not in (None, "", LOCAL):
        raise MlflowException.invalid_parameter_value(
            f"env_manager '{env_manager}' needs Databricks: on this machine models are scored in the running Python, "
            f"with '{LOCAL}'."
        )


def with_predictions(
    df: DataFrame,
    raw_model: Path,
    inputs: Sequence[str],
    result_type: str | DataType,
    params: Mapping[str, Any] | None = None,
) -> DataFrame:
    """The rows of `df` with the model's `prediction` for its `inputs`, computed when the result is."""
    from pyspark.sql.types import StructField, StructType

    kind = ResultKind.parse(result_type)
    _load(str(raw_model))  # a model that does not load fails here, not in the middle of a job
    schema = StructType([*df.schema.fields, StructField(PREDICTION_COLUMN, kind.spark_type())])
    return df.repartition(PARTS).mapInArrow(
        partial(_predict_batches, str(raw_model), tuple(inputs), kind, params), schema
    )


class ResultKind:
    """What `prediction` looks like: one value a row, or an array of them.

    As MLflow's `spark_udf` does, one value is the leftmost column of the model's output that fits the type, an array
    all columns that fit, and strings are made of anything.
    """

    def __init__(self, element: str, is_array: bool) -> None:
        self.element, self.is_array = element, is_array

    @classmethod
    def parse(cls, result_type: str | DataType) -> ResultKind:
        """Read `double`, `array<float>` and the like, or a Spark type.

        Raises:
            MlflowException: the type is none that a prediction can have.
        """
        from mlflow.exceptions import MlflowException

        text = result_type if isinstance(result_type, str) else result_type.simpleString()
        found = RESULT_TYPE.fullmatch(text.strip())
        element = (found["element"] or found["primitive"]).lower() if found else ""
        if element not in PRIMITIVES:
            raise MlflowException.invalid_parameter_value(
                f"result_type '{text}' is none of {', '.join(PRIMITIVES)}, nor an array<...> of one of them."
            )
        return cls(PRIMITIVES[element], bool(found and found["element"]))

    def spark_type(self) -> DataType:
        from pyspark.sql.pandas.types import from_arrow_type

        return from_arrow_type(self.arrow_type())

    def arrow_type(self) -> pa.DataType:
        import pyarrow as pa

        names = {"float64": pa.float64(), "float32": pa.float32(), "bool": pa.bool_(), "string": pa.string()}
        element = names.get(self.element) or {"int32": pa.int32(), "int64": pa.int64()}[self.element]
        return pa.list_(element) if self.is_array else element

    def column(self, predicted: Any) -> pa.Array:
        """A model's output, one row or item per input row, as a column.

        Raises:
            ValueError: no column of the output fits the type.
        """
        import pandas as pd
        import pyarrow as pa

        fitting = self._fitting(pd.DataFrame(predicted))
        if fitting.shape[1] == 0:
            raise ValueError(
                f"The model's output has no column that fits result_type '{self.element}': ask for 'string' or "
                "'array<string>', or for the type that the model predicts."
            )
        values = fitting.to_numpy().tolist() if self.is_array else fitting.iloc[:, 0]
        return pa.array(values, self.arrow_type())

    def _fitting(self, output: pd.DataFrame) -> pd.DataFrame:
        import numpy as np

        if self.element == "string":
            return output.map(str)
        kinds: dict[str, Any] = {
            "bool": ["bool"],
            "int32": ["int8", "uint8", "int16", "uint16", "int32"],
            "int64": ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64"],
        }
        return output.select_dtypes(kinds.get(self.element, ["number"])).astype(np.dtype(self.element))


def _predict_batches(
    raw_model: str,
    inputs: tuple[str, ...],
    kind: ResultKind,
    params: Mapping[str, Any] | None,
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    predict = partial(_load(raw_model).predict, params=None if params is None else dict(params))
    chunk: list[pa.RecordBatch] = []
    for batch in batches:
        chunk.append(batch)
        if sum(part.num_rows for part in chunk) >= CHUNK_ROWS:
            yield from _predict_chunk(predict, inputs, kind, chunk)
            chunk = []
    if chunk:
        yield from _predict_chunk(predict, inputs, kind, chunk)


def _predict_chunk(
    predict: Callable[[pd.DataFrame], Any], inputs: tuple[str, ...], kind: ResultKind, chunk: list[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    table = pa.Table.from_batches(chunk)
    if table.num_rows == 0:
        return
    prediction = kind.column(predict(as_pandas(table.select(list(inputs)))))
    yield from table.append_column(PREDICTION_COLUMN, prediction).to_batches()


def _load(raw_model: str) -> PyFuncModel:
    """The model, loaded once per process: tasks of one process share it."""
    with _loading:
        return _cached(raw_model)


@lru_cache(maxsize=8)
def _cached(raw_model: str) -> PyFuncModel:
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(raw_model)
