"""Where the monitoring pages are published: a folder beside the tables, or artifacts of an MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from mlops_core.adapters.model_registry import ModelRegistry


class Pages(Protocol):
    """A store of whole HTML pages; existing pages are replaced. Pages of a site may link to each other by name."""

    is_site: ClassVar[bool]

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        """Publish the pages, file name -> HTML; returns file name -> address."""


@dataclass(frozen=True)
class FolderPages:
    """Local files with an index of all days, which `make dev` serves at `address`: browsers block file links."""

    folder: Path
    address: str
    is_site: ClassVar[bool] = True

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        from mlops_core.monitoring.page import INDEX, index

        self.folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            self._put(name, text)
        self._put(INDEX, index(page.stem for page in self.folder.glob("[0-9]*.html")))
        return {name: f"{self.address}/{name}" for name in pages}

    def _put(self, name: str, text: str) -> None:
        unfinished = self.folder / f".{name}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self.folder / name)


@dataclass(frozen=True)
class MlflowPages:
    """Artifacts of an MLflow run, one run per publication; readable by whoever may read the experiment.

    MLflow shows each page by itself, so they don't link to each other.
    """

    registry: ModelRegistry
    is_site: ClassVar[bool] = False

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        import mlflow

        with self.registry.run(f"monitoring of {Path(list(pages)[-1]).stem}", {"purpose": "monitoring"}) as run:
            for name, text in pages.items():
                mlflow.log_text(text, name)
        return {name: f"{self.registry.run_page(run.info)}/artifacts/{name}" for name in pages}
