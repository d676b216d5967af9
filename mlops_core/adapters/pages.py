"""Where the monitoring pages are published: a folder beside the tables, or artifacts of an MLflow run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.config import link


class Pages(Protocol):
    """A store of whole HTML pages; existing pages are replaced. Pages of a site may link to each other by name."""

    is_site: ClassVar[bool]

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        """Publish the pages, file name -> HTML; returns file name -> address."""


@dataclass(frozen=True)
class FolderPages:
    """Local files in a folder for each schema, with one index, which `make dev` serves at `address`.

    Browsers block links to files.
    """

    root: Path
    schema: str
    address: str
    is_site: ClassVar[bool] = True

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        from mlops_core.monitoring.page import INDEX, index

        folder = self.root / self.schema
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in pages.items():
            self._put(folder / name, text)
        days: dict[str, list[str]] = {}
        for page in sorted(self.root.glob("[!.]*/[0-9]*.html")):
            days.setdefault(page.parent.name, []).append(page.stem)
        self._put(self.root / INDEX, index(days))
        return {name: f"{self.address}/{self.schema}/{name}" for name in pages}

    def _put(self, file: Path, text: str) -> None:
        unfinished = file.with_name(f".{self.schema}-{file.name}")  # other projects write the index too
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(file)


@dataclass(frozen=True)
class MlflowPages:
    """Artifacts of an MLflow run, one run per publication; readable by whoever may read the experiment.

    MLflow shows each page by itself, so they don't link to each other. `whose` tells the models of an experiment apart.
    """

    registry: ModelRegistry
    whose: str = ""
    is_site: ClassVar[bool] = False

    def write(self, pages: Mapping[str, str]) -> dict[str, str]:
        import mlflow

        newest = Path(list(pages)[-1]).stem
        with self.registry.run(f"monitoring of {self.whose}{newest}", {"purpose": "monitoring"}) as run:
            for name, text in pages.items():
                mlflow.log_text(text, name)
        return {name: link(self.registry.run_page(run.info), f"artifacts/{name}") for name in pages}
