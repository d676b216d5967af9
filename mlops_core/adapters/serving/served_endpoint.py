"""What a model server on this machine answers with: the versions of an endpoint's traffic, loaded."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.registry_errors import DanglingAliasError
from mlops_core.adapters.serving.newest_rows import FeatureTableCache
from mlops_core.adapters.serving.protocol import ALL, EndpointError, Traffic
from mlops_core.adapters.serving.served_version import ServedVersion, UnservableError, served_version

logger = logging.getLogger(__name__)


class NotServedError(LookupError):
    """Nothing answers, or not what was asked: the sentence says what does."""


@dataclass(frozen=True)
class Loaded:
    """Versions that answer together, and the traffic that divides requests among them."""

    traffic: Traffic
    versions: Mapping[int, ServedVersion]


@dataclass
class ServedEndpoint:
    """An endpoint in the process that answers for it; `wanted` says what it is to serve, None for nothing yet."""

    name: str
    registry: ModelRegistry
    tables: FeatureTableCache
    wanted: Callable[[], Traffic | None]
    loaded: Loaded | None = None
    error: str = ""

    def follow(self) -> None:
        """Serve what is wanted now. What can't be loaded leaves what was served, and `error` says why."""
        from mlflow.exceptions import MlflowException

        try:
            wanted = self.wanted()
            if wanted is not None and (self.loaded is None or wanted != self.loaded.traffic):
                self.loaded = self.load(wanted)
                logger.info("%s serves %s", self.name, wanted)
            self.error = ""
        except (EndpointError, UnservableError, DanglingAliasError, LookupError, OSError, MlflowException) as error:
            self._tell(str(error))

    def load(self, traffic: Traffic) -> Loaded:
        """The versions of `traffic`, ready to answer; those that are served already are not loaded again.

        Raises:
            UnservableError, ModelNotFoundError: one can't be loaded.
        """
        before = self.loaded.versions if self.loaded else {}
        return Loaded(traffic, {number: before.get(number) or self._version(number) for number in traffic.versions})

    def _version(self, number: int) -> ServedVersion:
        return served_version(self.registry, self.registry.get(number), self.tables)

    def _tell(self, error: str) -> None:
        if error != self.error:
            logger.warning("%s serves %s: %s", self.name, self.loaded.traffic if self.loaded else "nothing yet", error)
        self.error = error

    def choose(self, version: int | None = None) -> ServedVersion:
        """The version that answers the next request: the one asked for, else one by its share of the traffic.

        Raises:
            NotServedError: nothing is served yet, or not this version.
        """
        if self.loaded is None:
            raise NotServedError(self.error or f"{self.name} serves no version yet: make run, which makes a champion.")
        traffic, versions = self.loaded.traffic, self.loaded.versions
        if version is None:
            goes_first = random.random() * ALL < traffic.challenger_percent  # noqa: S311 - a share, no secret
            version = traffic.challenger if traffic.challenger and goes_first else traffic.champion
        if version not in versions:
            raise NotServedError(f"{self.name} serves {traffic}, and not version {version}.")
        return versions[version]
