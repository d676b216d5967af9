"""The model's view of the rows to score: the pandas frame that Databricks' client passes to it.

The client scores by a pandas UDF over a struct of the inputs, so PySpark converts them. PySpark 4.2 converts numbers,
booleans, dates and times by NumPy, where integers with a null are floats. With an input of any other kind among them
it goes a longer way, on which integers with a null stay integers, of pandas' nullable types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """A model's inputs; timestamps are wall clock without a zone, in nanoseconds, as `toPandas()` gives them."""
    import pyarrow as pa

    naive = [
        pa.field(field.name, pa.timestamp(field.type.unit)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    table = table.cast(pa.schema(naive))
    frame = table.to_pandas(coerce_temporal_nanoseconds=True)
    for name in _nullable_integers(table):
        frame[name] = table[name].to_pandas(types_mapper=_nullable_type)
    return frame


def _nullable_integers(table: pa.Table) -> list[str]:
    import pyarrow as pa

    if all(_is_plain(kind) for kind in table.schema.types):
        return []
    columns = zip(table.schema, table.columns, strict=True)
    return [field.name for field, column in columns if pa.types.is_integer(field.type) and column.null_count]


def _is_plain(kind: pa.DataType) -> bool:
    from pyarrow import types

    return (
        (types.is_primitive(kind) and not types.is_decimal(kind) and not types.is_duration(kind))
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _nullable_type(kind: pa.DataType) -> pd.api.extensions.ExtensionDtype:
    import pandas as pd

    return {16: pd.Int16Dtype(), 32: pd.Int32Dtype(), 64: pd.Int64Dtype()}.get(kind.bit_width, pd.Int8Dtype())
