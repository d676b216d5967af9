from __future__ import annotations

import pytest

from mlops_core.adapters.spark import LocalSpark
from mlops_core.adapters.tables import LocalTables


@pytest.fixture
def local(tables: LocalTables) -> LocalSpark:
    return tables.spark
