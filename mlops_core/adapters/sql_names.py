"""Names as Spark SQL takes them: between backticks, so that a catalog may be called `lake-dev`.

People, MLflow, the Databricks API and the feature engineering client, which quotes by itself, take the plain name.
"""

from __future__ import annotations


def quoted(*names: str) -> str:
    """The names one within the other, as `catalog`.`schema`.`table`."""
    return ".".join(f"`{name.replace('`', '``')}`" for name in names)


def quoted_path(full_name: str) -> str:
    """`catalog.schema.table` with each of its names quoted."""
    return quoted(*full_name.split("."))
