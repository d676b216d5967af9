"""Default values on Spark Connect, and so on serverless.

Databricks' client 0.18 fills nulls with NumPy's scalars. `fillna` of Spark Connect takes Python's numbers alone, so the
default of an integer or 32-bit float feature, whatever it is written as, would end in a PySparkTypeError.
"""

from __future__ import annotations

from functools import wraps
from importlib import import_module
from typing import Any

CLIENT_MODULE, FUNCTION = "databricks.ml_features.entities.training_set", "deserialize_default_value_to_data_type"


def fill_with_python_numbers() -> None:
    """Let the client make Python's numbers of default values; a client without that function is left as it is."""
    try:
        client = import_module(CLIENT_MODULE)
    except ModuleNotFoundError:
        return
    scalar_of = getattr(client, FUNCTION, None)
    if scalar_of is None or hasattr(scalar_of, "__wrapped__"):
        return

    @wraps(scalar_of)
    def number_of(*arguments: Any) -> Any:
        value = scalar_of(*arguments)
        return value.item() if hasattr(value, "item") else value

    setattr(client, FUNCTION, number_of)
