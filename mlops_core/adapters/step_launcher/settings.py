"""What a target says about its step launcher: frozen, and without a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import mlops_core
from mlops_core.adapters.step_launcher.compute import Compute, package_of
from mlops_core.adapters.step_launcher.cost import PriceTable
from mlops_core.config import WorkspaceAddress
from mlops_core.looks_secret import names_secret, secret_in, without_secrets

MACHINERY = Path(mlops_core.__file__).resolve().parent
NAMES_REFERENCES = "BUNDLE_VAR_secrets"  # names variables, scopes and keys, and no value


@dataclass(frozen=True)
class SecretReference:
    """A secret scope's key whose value the cluster puts into the environment variable `variable`."""

    variable: str
    scope: str
    key: str


@dataclass(frozen=True)
class Timing:
    """Seconds.

    `poll_s`: interval between polls for messages; the first polls of a step come sooner. `pending_poll_s`: interval
    between polls of a Databricks run that has not started. `silence_s`: time without a message after which the run's
    state is requested. `outage_s`: how long a failing call is retried. `unknown_s`: how long Databricks may refuse to
    tell of a run that it has just started. `ending_grace_s`: how long messages may still appear after a Databricks run
    has ended. `cancel_grace_s`: how long an attempt has to end by itself before its Databricks run is cancelled.
    `lease_s`: a cluster ends after its host has been silent for this long.
    """

    poll_s: float = 1.0
    pending_poll_s: float = 2.0
    silence_s: float = 4.0
    outage_s: float = 600.0
    unknown_s: float = 30.0
    credentials_s: float = 30.0
    ending_grace_s: float = 10.0
    cancel_grace_s: float = 15.0
    lease_s: float = 900.0
    call_timeout_s: float = 30.0


@dataclass(frozen=True)
class LauncherSettings:
    """Settings of one target's launcher.

    `volume` is a Unity Catalog volume, or a folder of one, that only the pipeline's identity may write.
    `packages` are folders of import packages, staged beside the machinery's own. `requirements` are pinned lines as in
    requirements.txt; pyspark is left to the runtime. `environment` is set on the cluster before definitions are loaded
    there, and `imports` are modules that are imported there first, while no other step imports anything: those that
    import others under a lock of their own, for which two steps would wait for ever. `workspace_folder` holds the main
    file; by default a folder in the home of the identity. Without `workspace`, the SDK's unified authentication finds
    one. `matched_packages` must agree in major.minor.
    """

    volume: str
    compute: Compute = field(default_factory=Compute)
    packages: tuple[Path, ...] = ()
    requirements: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    secrets: tuple[SecretReference, ...] = ()
    workspace: WorkspaceAddress | None = None
    workspace_folder: str | None = None
    prices: PriceTable | None = None
    infrastructure_retries: int = 1
    matched_packages: tuple[str, ...] = ("dagster", "mlflow", "pyspark")
    timing: Timing = field(default_factory=Timing)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"/Volumes(/[^/]+){3,}", self.volume):
            raise ValueError(
                f"The staging volume is {self.volume!r}: write it as /Volumes/<catalog>/<schema>/<volume>."
            )
        for name, value in self.environment.items():
            if name != NAMES_REFERENCES:
                _refuse_secret(name, value)
        for line in self.requirements:
            if what := secret_in(line):
                raise ValueError(
                    f"The requirement {without_secrets(line)!r} has {what}: what is staged must not; let the cluster's "
                    "pip.conf have it, or take the package from a volume."
                )
        if self.timing.lease_s <= self.timing.outage_s:
            raise ValueError(
                "lease_s must be longer than outage_s, or an outage that the host survives ends the cluster."
            )

    @property
    def staged_packages(self) -> tuple[Path, ...]:
        return tuple(dict.fromkeys((MACHINERY, *self.packages)))

    @property
    def installed_requirements(self) -> tuple[str, ...]:
        """What the cluster installs: the requirements, and Dagster as it is here unless they name it."""
        if "dagster" in map(package_of, self.requirements):
            return self.requirements
        return (f"dagster=={version('dagster')}", *self.requirements)


def read_requirements(file: Path) -> tuple[str, ...]:
    """The requirement lines of a requirements.txt, without comments."""
    lines = (line.split("#", 1)[0].strip() for line in file.read_text().splitlines())
    return tuple(line for line in lines if line)


def _refuse_secret(name: str, value: str) -> None:
    """Refuse a variable that would be staged in clear."""
    what = "a name that secrets have" if names_secret(name) else secret_in(value)
    if what:
        raise ValueError(
            f"{name} has {what}: what is staged must not; give the launcher a SecretReference instead of its value "
            "(the target's variable `secrets` names the scope and the key)."
        )
