"""What a task finds on the machine it runs on."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import catalog, jobs
from deltalake import DeltaTable, write_deltalake

from databricks_emulator import Emulator
from databricks_emulator.settings import PROJECT
from databricks_emulator.tests.asking import (
    CLASSIC,
    VOLUME,
    Make,
    client_of,
    run,
    submit,
    upload,
    wait_for,
)


class TestWhatATaskFinds:
    def test_nothing_of_the_host(self, make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("HOST_SECRET", "s3cret")
        emulator = make(environment={"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"})
        code = """
            import importlib, importlib.metadata, json, os, pathlib, sys

            def found(name):
                try:
                    return bool(importlib.import_module(name))
                except ImportError:
                    return False

            names = ["my_mlops_stacks", "dagster", "databricks.sdk", "dagster_databricks", "numpy", "pydantic"]
            sys.path.insert(0, sys.argv[1])
            print(json.dumps({
                "modules": [name for name in names if found(name)],
                "source": pathlib.Path(sys.argv[1], "pyproject.toml").exists(),
                "variables": sorted(os.environ),
                "has_file": "__file__" in globals(),
            }))
            importlib.metadata.version("dagster")
        """
        _, output = run(emulator, code, str(PROJECT))
        seen = pd.read_json(io.StringIO(output.logs.splitlines()[0]), typ="series")
        assert seen["modules"] == ["numpy", "pydantic"]
        assert (seen["source"], seen["has_file"]) == (False, False)
        assert "MLFLOW_TRACKING_URI" in seen["variables"]
        assert not {"HOST_SECRET", "DATABRICKS_TOKEN", "DATABRICKS_HOST"} & set(seen["variables"])
        assert output.error.startswith("PackageNotFoundError")

    def test_a_library_that_is_stood_in_for_is_there_for_who_asks_for_it(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "library" / "databricks" / "feature_engineering").mkdir(parents=True)
        module = tmp_path / "library" / "databricks" / "feature_engineering" / "__init__.py"
        module.write_text("WHO = 'stand-in'")
        emulator = make(stand_ins={"databricks-feature-engineering": tmp_path / "library"})
        code = "from databricks.feature_engineering import WHO\nprint(WHO)"
        _, asked = run(emulator, code, dependencies=["databricks_feature_engineering==0.18.0"])
        assert asked.logs == "stand-in\n"
        _, unasked = run(emulator, code)
        assert unasked.error.startswith("ModuleNotFoundError")

    def test_what_its_libraries_bring(self, make: Make) -> None:
        emulator = make(versions={"pandas": "1.5.0", "python": "3.10"})
        code = """
            import importlib.metadata, importlib.util, sys
            print(sys.version_info[:2], importlib.metadata.version("pandas"))
            names = ("dagster", "dagster_databricks", "lightgbm", "mine")
            print([name for name in names if importlib.util.find_spec(name)])
        """
        _, output = run(emulator, code, dependencies=["dagster"])
        assert output.logs.splitlines() == ["(3, 10) 1.5.0", "['dagster']"]
        wheel = io.BytesIO()
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("mine.py", "")
        upload(client_of(emulator), f"{VOLUME}/mine-1.0-py3-none-any.whl", wheel.getvalue())
        libraries = [{"pypi": {"package": "dagster-pyspark"}}, {"whl": f"{VOLUME}/mine-1.0-py3-none-any.whl"}]
        ml_runtime = {**CLASSIC, "spark_version": "16.4.x-cpu-ml-scala2.12"}
        _, output = run(emulator, code, cluster=ml_runtime, libraries=libraries)
        assert output.logs.splitlines()[1] == "['dagster', 'lightgbm', 'mine']"
        assert [one.replaced for one in emulator.runs] == [(), ("pyspark",)]

    def test_files_of_the_workspace(self, emulator: Emulator) -> None:
        code = """
            import json, os, pathlib, shutil, sys, tempfile, zipfile
            volume = pathlib.Path("/Volumes/dev/app/staging")
            (volume / "new").mkdir()
            with tempfile.TemporaryDirectory() as folder:
                with zipfile.ZipFile(f"{folder}/code.zip", "w") as archive:
                    archive.writestr("shipped/__init__.py", "from shipped.part import NAME")
                    archive.writestr("shipped/part.py", "NAME = 'from the archive'")
                shutil.copy(f"{folder}/code.zip", volume / "new/code.zip")
            sys.path.insert(1, str(volume / "new/code.zip"))
            import shipped
            answers = [shipped.NAME, sorted(os.listdir(volume)), [str(path) for path in volume.glob("**/*.zip")]]
            for mode in ("a", "r+"):
                try:
                    open(volume / "new/code.zip", mode)
                except OSError as error:
                    answers.append(error.strerror)
            try:
                open("/Volumes/dev/app/staging/none")
            except FileNotFoundError as error:
                answers.append(error.filename)
            half = open(volume / "half", "w")
            half.write("written")
            half.flush()
            answers.append((volume / "half").exists())
            half.close()
            os.replace(volume / "half", volume / "whole")
            answers.append(((volume / "whole").read_text(), (volume / "half").exists()))
            pathlib.Path("/tmp/mine").write_text("1")
            print(json.dumps(answers))
        """
        _, output = run(emulator, code)
        unsupported = os.strerror(95)
        assert output.error is None
        assert pd.read_json(io.StringIO(output.logs), typ="series").tolist() == [
            "from the archive",
            ["new"],
            [f"{VOLUME}/new/code.zip"],
            unsupported,
            unsupported,
            f"{VOLUME}/none",
            False,
            ["written", False],
        ]
        assert not Path("/tmp/mine").exists()
        assert emulator.staged() == [f"{VOLUME}/new/code.zip", f"{VOLUME}/whole"]

    def test_secrets_by_dbutils_and_by_reference(self, emulator: Emulator, client: WorkspaceClient) -> None:
        client.secrets.create_scope("pipeline")
        client.secrets.put_secret("pipeline", "key", string_value="s3cret")
        code = """
            import os
            from databricks.sdk.runtime import dbutils as imported
            assert imported.secrets.get("pipeline", "key") == "s3cret"
            listed = [item.name for item in dbutils.fs.ls("/Volumes/dev/app")]
            print(dbutils.secrets.get("pipeline", "key"), os.environ["KEY"], listed)
            dbutils.secrets.get(scope="pipeline", key="none")
        """
        cluster = {**CLASSIC, "spark_env_vars": {"KEY": "{{secrets/pipeline/key}}"}}
        _, output = run(emulator, code, cluster=cluster, libraries=[{"pypi": {"package": "databricks-sdk"}}])
        assert output.logs.splitlines()[0] == "s3cret s3cret ['staging/']"
        assert output.error == ("IllegalArgumentException: Secret does not exist with scope: pipeline and key: none")
        ended, _ = run(emulator, code, cluster={**CLASSIC, "spark_env_vars": {"KEY": "{{secrets/none/key}}"}})
        assert ended.status.termination_details.code is jobs.TerminationCodeCode.INVALID_CLUSTER_REQUEST

    @pytest.mark.parametrize(
        ("mode", "expected"),
        [("SINGLE_USER", "True True"), ("USER_ISOLATION", "True False"), ("NONE", "False True")],
    )
    def test_access_mode_decides_what_there_is(self, emulator: Emulator, mode: str, expected: str) -> None:
        code = "import os; print(os.path.exists('/Volumes/dev/app/staging'), 'sc' in globals())"
        _, output = run(emulator, code, cluster={**CLASSIC, "data_security_mode": mode})
        assert output.logs.strip() == expected

    def test_spark_and_tables_of_unity_catalog(
        self, emulator: Emulator, client: WorkspaceClient, tmp_path: Path
    ) -> None:
        write_deltalake(tmp_path / "trips", pd.DataFrame({"zip": [1, 1, 2], "fare": [10.0, 20.0, 5.0]}))
        emulator.unity_catalog.add_table("samples.nyctaxi.trips", tmp_path / "trips")
        reader = """
            import time
            print(spark.catalog.tableExists("dev.app.fares"), flush=True)
            while not (spark.catalog.tableExists("dev.app.fares") and spark.table("dev.app.fares").count() == 2):
                time.sleep(0.02)
        """
        writer = """
            from databricks.connect import DatabricksSession
            from pyspark.sql import SparkSession, functions as F
            session = SparkSession.builder.getOrCreate()
            assert session is DatabricksSession.builder.getOrCreate()
            rows = session.table("samples.nyctaxi.trips").groupBy("zip").agg(F.sum("fare").alias("fare"))
            rows.limit(0).write.format("delta").mode("ignore").partitionBy("zip").saveAsTable("dev.app.fares")
            for zip in (1, 2):
                writer = rows.where(F.col("zip") == zip).write.format("delta").mode("overwrite")
                writer.option("replaceWhere", f"zip = {zip}").saveAsTable("dev.app.fares")
            print(spark.catalog.tableExists("dev.app.fares"), spark.catalog.tableExists("dev.app.none"))
            print(spark.sql("DESCRIBE HISTORY dev.app.fares LIMIT 1").collect()[0]["version"])
            rows.write.parquet("/Volumes/dev/app/staging/rows")
            stored = spark.read.parquet("/Volumes/dev/app/staging/rows")
            print(stored.count(), spark.conf.get("spark.sql.session.timeZone"))
            rows.write.saveAsTable("dev.none.fares")
        """
        submit(emulator, reader)
        wait_for(lambda: emulator.task_log(emulator.runs[0]) == "False\n", 20)
        _, output = run(emulator, writer)
        assert output.logs.splitlines()[:3] == ["True False", "2", "2 UTC"]
        assert "SCHEMA_NOT_FOUND" in output.error
        assert emulator.runs[0].outcome.result is jobs.RunResultState.SUCCESS  # a task that ran before saw the table
        assert client.tables.get("dev.app.fares").table_type is catalog.TableType.MANAGED
        stored = DeltaTable(emulator.unity_catalog.table_folder("dev.app.fares")).to_pandas()
        assert dict(zip(stored["zip"], stored["fare"], strict=True)) == {1: 30.0, 2: 5.0}

    @pytest.mark.parametrize("name", ["fares-dev.app-1.fares", "dev.2016.fares"])
    def test_names_between_backticks_are_those_of_the_workspace(self, emulator: Emulator, name: str) -> None:
        quoted = ".".join(f"`{part.replace('`', '``')}`" for part in name.split("."))
        code = f"""
            spark.range(3).write.format("delta").saveAsTable({quoted!r})
            print(spark.catalog.tableExists({quoted!r}), spark.table({quoted!r}).count())
            print(spark.sql("DESCRIBE HISTORY {quoted} LIMIT 1").collect()[0]["version"])
        """
        emulator.unity_catalog.add_schema(name.rpartition(".")[0])
        _, output = run(emulator, code)
        assert output.logs.splitlines() == ["True 3", "0"], output.error
        assert emulator.unity_catalog.table(name)["table_type"] == "MANAGED"
