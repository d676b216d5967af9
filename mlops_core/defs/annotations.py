"""Names for annotations in asset signatures.

Dagster evaluates the annotations of an asset's arguments when it loads the definitions; importing PySpark for that
would make every code server pay for a library that only the steps need.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame
else:
    DataFrame = Any

__all__ = ["DataFrame"]
