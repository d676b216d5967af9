"""Two first uses of MLflow at once share one whole database, one experiment and one registered model."""

from __future__ import annotations

import multiprocessing
import sqlite3
from contextlib import closing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from mlops_core.adapters.mlflow_database import database_uri, make_database
from mlops_core.adapters.model_registry import ModelRegistry

PROCESSES = 2


def train(file: Path, start: Barrier) -> None:
    import mlflow

    start.wait(timeout=120)
    make_database(file)
    uri = database_uri(file)
    registry = ModelRegistry("fare_model", "fares", uri, uri, "http://127.0.0.1:5000", file.with_name("artifacts"))
    with registry.run("training", {}):
        mlflow.log_text("trained", "note.txt")
        made = mlflow.pyfunc.log_model(
            name="model", python_model=_model(), registered_model_name="fare_model", pip_requirements=["mlflow"]
        )
    registry.get(int(made.registered_model_version))


def _model() -> object:
    from mlflow.pyfunc import PythonModel

    class Echo(PythonModel):
        def predict(self, context: object, model_input: object, params: object = None) -> object:
            return model_input

    return Echo()


def first_uses(folder: Path) -> None:
    file = folder / "mlflow" / "mlflow.db"
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(PROCESSES)
    processes = [context.Process(target=train, args=(file, start)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    with closing(sqlite3.connect(file)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM experiments ORDER BY name")]
        versions = [row[0] for row in database.execute("SELECT version FROM model_versions ORDER BY version")]
        experiments = set(database.execute("SELECT experiment_id FROM runs"))
    assert names == ["Default", "fares"]
    assert versions == list(range(1, PROCESSES + 1))
    assert len(experiments) == 1
    assert {entry.name.removesuffix(".lock") for entry in file.parent.iterdir()} == {"mlflow.db", "artifacts"}


def test_first_uses_at_once(tmp_path: Path) -> None:
    first_uses(tmp_path)


def test_one_that_was_cut_off_leaves_nothing_that_looks_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(file: Path) -> None:
        file.write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops_core.adapters.mlflow_database._create", cut_off)
    with pytest.raises(KeyboardInterrupt):
        make_database(tmp_path / "mlflow.db")
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix != ".lock"] == []
