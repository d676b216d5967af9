"""`python -m mlops_core_tests.training.workers FOLDER`: what two workers of Apache Spark fit of the rows in a folder.

Spark on the JVM can't be in the process of a test, whose PySpark speaks Spark Connect.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

from mlops_core.project import XGBoost
from mlops_core.training.sampling import at_most, rows_by_day
from mlops_core_tests.flights.events import FLIGHTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from xgboost import Booster

WORKERS, MEGABYTES = 2, 1_024


class Hyperparameters(BaseModel):
    """Those of XGBoost; what databricks.yml says of another model's is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    num_boost_round: int = Field(60, gt=0, description="Trees of the model")
    max_depth: int = Field(4, gt=0, description="Splits from a tree's root to its leaves, at most")
    learning_rate: float = Field(0.1, gt=0, description="Weight of a tree")


class Elsewhere(XGBoost):
    """The trainer, whose workers are in a Spark of another process."""

    def fit_on_workers(self, rows: DataFrame, parameters: BaseModel) -> Booster:
        import xgboost

        folder = Path(os.environ["FITTED_IN"])
        rows.write.parquet(str(folder / "rows"))
        fitted_elsewhere(folder, self, parameters)
        return xgboost.Booster(model_file=str(folder / "model.json"))


def fitted_elsewhere(folder: Path, trainer: XGBoost, parameters: BaseModel) -> dict[str, Any]:
    """Fit the rows of `folder` there: the driver's memory in MB, the number of workers, and the events it sampled."""
    columns = {"label_column": trainer.events.label_column, "event_time": trainer.events.event_time}
    asked = {"objective": trainer.objective, "columns": columns, "parameters": parameters.model_dump()}
    (folder / "asked.json").write_text(json.dumps(asked))
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SPARK_")}
    environ |= {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", "PYTHONPATH": ":".join(sys.path)}
    environ["JDK_JAVA_OPTIONS"] = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # less compiling for so few rows
    command = [sys.executable, "-m", "mlops_core_tests.training.workers", str(folder)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads((folder / "told.json").read_text())


def main() -> None:
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "asked.json").read_text())
    spark = _cluster()
    events: Any = SimpleNamespace(**asked["columns"])
    trainer = XGBoost(events, objective=asked["objective"], workers=WORKERS)
    booster = trainer.fit_on_workers(spark.read.parquet(str(folder / "rows")), Hyperparameters(**asked["parameters"]))
    booster.save_model(folder / "model.json")
    told = {
        "driver": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024,
        "executors": spark.sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1,  # type: ignore
        "sampled": sampled(spark, 150),
    }
    (folder / "told.json").write_text(json.dumps(told))


def sampled(spark: SparkSession, most: int) -> list[int]:
    """The flights of three days that a sample takes."""
    rows = spark.range(1_000).selectExpr("id AS flight_id", "date_add(DATE'2013-02-01', CAST(id % 3 AS int)) AS day")
    return sorted(row["flight_id"] for row in at_most(FLIGHTS, rows, rows_by_day(rows), most).collect())


def _cluster() -> SparkSession:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local-cluster[{WORKERS},1,{MEGABYTES}]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.executor.memory": f"{MEGABYTES}m",
        "spark.driver.host": "127.0.0.1",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


if __name__ == "__main__":
    main()
