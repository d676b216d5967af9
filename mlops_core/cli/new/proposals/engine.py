"""SQL of a person, asked of the sampled rows by the engine that a run on this machine has."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.project.columns import ColumnType, choices
from mlops_core.project.expressions import named_columns, with_doubles

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame

_PLACE = "place_in_the_sample"
_TYPES: dict[str, ColumnType] = {"decimal": "double", "tinyint": "int", "smallint": "int"}


def values_of(profile: Profile, sql: str, argument: str) -> tuple[ColumnType, pd.Series, str]:
    """Type and value of each row of an expression, and the expression that gives them in that type.

    Raises:
        NewProjectError: it is no SQL over the columns; `argument` has it.
    """
    from pathlib import Path

    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    from mlops_core.adapters.spark import LocalSpark

    named = named_columns(sql, profile.types)
    if not named:
        raise NewProjectError(f"{argument}: {sql!r} names no column; {choices(profile.types)}")
    with TemporaryDirectory() as folder:
        spark = LocalSpark(Path(folder), "sample").spark_session
        try:
            rows = spark.createDataFrame(_arrow(profile, named))
            kind = rows.select(F.expr(with_doubles(sql)).alias("value")).dtypes[0][1]
            if kind == "boolean":
                kind, sql = "int", f"CAST({sql} AS INT)"
            found = rows.select(_PLACE, F.expr(with_doubles(sql)).alias("value")).toPandas()
        except PySparkException as error:
            raise NewProjectError(
                f"{argument}: {sql!r} is no SQL over {', '.join(named)} ({str(error).partition(chr(10))[0][:200]})."
            ) from error
    held = _TYPES.get(kind.partition("(")[0], kind)
    return held, found.sort_values(_PLACE)["value"].reset_index(drop=True), sql  # type: ignore[return-value]


def _arrow(profile: Profile, named: tuple[str, ...]) -> DataFrame:
    import pyarrow as pa

    frame = profile.frame[list(named)]
    table = pa.Table.from_pandas(frame, preserve_index=False)
    for place, name in enumerate(named):
        if profile.types[name] in ("int", "bigint"):  # pandas has integers beside a null as doubles
            table = table.set_column(place, name, table.column(name).cast(pa.int64()))
    return table.append_column(_PLACE, pa.array(range(len(frame))))
