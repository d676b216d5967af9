"""A workspace, a Dagster instance and a launcher for each test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from databricks_emulator import Emulator, libraries
from mlops_core_tests.adapters.step_launcher.workbench import HERE, VOLUME, Workbench, make_settings


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: takes many seconds on an emulated workspace")


def show_staged_project(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator hides this project as a package that the task did not ask for, but the task unpacks it itself."""
    found = libraries.hidden

    def hidden(*arguments: object) -> tuple[list[str], list[str]]:
        modules, distributions = found(*arguments)
        return [module for module in modules if module != "my_mlops_stacks"], distributions

    monkeypatch.setattr(libraries, "hidden", hidden)


@contextmanager
def opened(folder: Path, **emulated: object) -> Iterator[Workbench]:
    """A workbench that leaves no environment variable and no process behind."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        Emulator(folder / "workspace", **emulated) as emulator,
        dg.DagsterInstance.local_temp(str(folder)) as instance,
    ):
        show_staged_project(monkeypatch)
        emulator.unity_catalog.add_volume(VOLUME.removeprefix("/Volumes/").replace("/", "."))
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("PYTHONPATH", str(HERE.parents[2]))  # for processes that tests and Dagster start
        monkeypatch.setattr(sys, "path", [str(HERE), *sys.path, str(HERE)])  # Dagster drops the first one
        monkeypatch.setenv("SAMPLE_SETTINGS", str(folder / "settings.pickle"))
        bench = Workbench(emulator, instance, folder / "settings.pickle", make_settings())
        bench.configure()
        yield bench
        emulator.recover()
        for name, value in emulator.environment().items():
            monkeypatch.setenv(name, value)
        assert_nothing_is_left(bench)


def assert_nothing_is_left(bench: Workbench) -> None:
    """Whatever a test did to its runs: a teardown of each ends everything, and removes what was staged."""
    for run in bench.instance.get_runs():
        bench.launcher.tear_down(bench.instance, run)
    bench.emulator.wait_until_idle(5)
    assert bench.emulator.running_clusters in ([], bench.shared_clusters)
    assert bench.left_staged() == []


@pytest.fixture
def workbench(tmp_path: Path) -> Iterator[Workbench]:
    with opened(tmp_path) as bench:
        yield bench


@pytest.fixture(scope="module")
def shared_workbench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with opened(tmp_path_factory.mktemp("shared")) as bench:
        yield bench
