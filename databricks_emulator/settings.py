"""How one emulated workspace behaves: times, what is enabled, and what its runtime has installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]

# What all compute has without asking, of what this project uses; Sail and what its client needs stand for Spark.
RUNTIME_PACKAGES = (
    *("numpy", "pandas", "pyarrow", "scipy", "scikit-learn", "matplotlib", "mlflow-skinny", "requests", "pydantic"),
    *("PyYAML", "packaging", "setuptools"),
    *("pyspark", "pysail", "grpcio", "grpcio-status", "googleapis-common-protos", "protobuf", "zstandard"),
)
ML_PACKAGES = ("lightgbm", "mlflow")  # only in runtimes for machine learning: `16.4.x-cpu-ml-scala2.12`

# Hidden unless a task asks for them by name, although others bring them (mlflow does): the remote side of a step must
# do without.
WITHHELD_PACKAGES = ("databricks-sdk",)


@dataclass(frozen=True)
class Settings:
    """Durations are in seconds."""

    latency: float = 0.0  # before each API call is answered
    classic_start: float = 0.0  # from asking for a cluster until it runs
    serverless_start: float = 0.0
    library_install: float = 0.0  # when a task asks for any library
    terminating: float = 0.05  # from the end of the task until its run is TERMINATED
    kill_after: float = 2.0  # from SIGTERM to SIGKILL, when a run is cancelled or timed out
    token_seconds: float = 3600.0  # life of an OAuth access token
    clock_ahead: float = 0.0  # of the workspace's clock, compared with this machine's
    run_words: tuple[str, ...] = ("status", "state")  # how runs are described: `state` is the deprecated form
    shown_life: str = ""  # the status that is shown for RUNNING
    dbfs_root: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)  # variables of the runtime, as MLFLOW_TRACKING_URI
    packages: tuple[str, ...] = RUNTIME_PACKAGES
    ml_packages: tuple[str, ...] = ML_PACKAGES
    withheld: tuple[str, ...] = WITHHELD_PACKAGES
    versions: Mapping[str, str] = field(default_factory=dict)  # pretended by the runtime: `python`, or a distribution
    stand_ins: Mapping[str, Path] = field(
        default_factory=dict
    )  # distribution -> folder of its modules, for who asks for it
    hidden: tuple[Path, ...] = (PROJECT,)  # folders of the host that tasks must not see
