"""Metadata is read as what was written, or not at all."""

from __future__ import annotations

import dagster as dg
import pytest

from mlops_core.adapters.recorded_metadata import recorded

METADATA = dg.AssetMaterialization(
    "a", metadata={"rows": 3, "late": ["2016-02-01"], "errors": {"2016-02-01": 2.5}, "day": None}
).metadata


def test_what_was_written_is_read() -> None:
    assert recorded(METADATA, "rows", int) == 3
    assert recorded(METADATA, "late", list) == ["2016-02-01"]
    assert recorded(METADATA, "errors", dict) == {"2016-02-01": 2.5}


def test_what_is_null_or_missing_is_none() -> None:
    assert recorded(METADATA, "day", str) is None
    assert recorded(METADATA, "rejected", int) is None


def test_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="The metadata 'rows' is 3 of type int, not str."):
        recorded(METADATA, "rows", str)
