from __future__ import annotations

import pytest

from my_mlops_stacks.adapters.spark import LocalSpark
from my_mlops_stacks.adapters.tables import LocalTables


@pytest.fixture
def local(tables: LocalTables) -> LocalSpark:
    return tables.spark
