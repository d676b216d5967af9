"""Endpoints that are named after a model server has begun: their files say which of its models they serve.

A target opts in to an endpoint, or gives it another name, and the asset `endpoint` writes the file. As on Databricks,
an endpoint that the target no longer names serves on until somebody deletes it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from mlops_core.adapters.serving.endpoint_file import FILES, read_traffic
from mlops_core.adapters.serving.local import LocalEndpoint
from mlops_core.adapters.serving.newest_rows import FeatureTableCache
from mlops_core.adapters.serving.protocol import EndpointError
from mlops_core.adapters.serving.served_endpoint import ServedEndpoint

logger = logging.getLogger(__name__)


@dataclass
class LaterEndpoints:
    """Adds to `endpoints`, what a server answers for, those that files name; `models` has an endpoint of each model."""

    models: Sequence[LocalEndpoint]
    tables: FeatureTableCache
    endpoints: dict[str, ServedEndpoint]
    _added: set[str] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Serve what has a file now, and serve no longer what was added and has none."""
        files = {unquote(file.stem): file for file in self.models[0].folder.glob(FILES)}
        for name in self._added - files.keys():
            self._added.remove(name)
            del self.endpoints[name]
        for name in sorted(files.keys() - self.endpoints.keys()):
            self._add(name, files[name])

    def _add(self, name: str, file: Path) -> None:
        try:
            stored = read_traffic(file)
        except EndpointError as error:
            if name not in self._told:
                logger.warning("%s is not served: %s", name, error)
            self._told.add(name)
            return
        own = [each for each in self.models if stored and each.registry.model == stored.model]
        if not own:
            return
        endpoint = replace(own[0], name=name)
        served = endpoint.served(endpoint.stored_traffic, self.tables)
        served.follow()
        self._added.add(name)
        self.endpoints[name] = served
