"""The project of late flights."""

from __future__ import annotations

from mlops_core.project import Project
from mlops_core_tests.flights.events import FLIGHTS
from mlops_core_tests.flights.features import ORIGIN, ROUTE
from mlops_core_tests.flights.task import LATE

PROJECT = Project(task=LATE, events=FLIGHTS, feature_tables=(ORIGIN, ROUTE))
