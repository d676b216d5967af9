"""Where the monitoring's pages are put for people: a folder beside the tables, or artifacts of an MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from mlops_core.adapters.model_registry import ModelRegistry


class Pages(Protocol):
    """A place for whole HTML pages; a page that is there is replaced. Of a site, pages may link each other by name."""

    is_site: ClassVar[bool]

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        """Put each page, by its file's name, and tell its address by the same name."""


@dataclass(frozen=True)
class FolderPages:
    """Files of this machine with an index of all days, which `make dev` serves at `address`: no link opens a file."""

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
    """Artifacts of one MLflow run for each time that pages are made; whoever may read the experiment reads them.

    MLflow shows each by itself: they link no other.
    """

    registry: ModelRegistry
    is_site: ClassVar[bool] = False

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        import mlflow

        with self.registry.run(f"monitoring of {Path(list(pages)[-1]).stem}", {"purpose": "monitoring"}) as run:
            for name, text in pages.items():
                mlflow.log_text(text, name)
        return {name: f"{self.registry.run_page(run.info)}/artifacts/{name}" for name in pages}
