"""One target's adapters in the hands of a person: what the notebooks start with.

The adapters are those of the assets, so a notebook reads the tables and versions that the pipeline made. Nothing starts
before it is used: Spark is the notebook's own session on Databricks, and Sail in this process on a laptop.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.tables import Tables
from mlops_core.config import ModelTarget, load_target
from mlops_core.defs.metadata import png
from mlops_core.defs.resources import adapters
from mlops_core.project import Project

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ADAPTERS = ("tables", "feature_store", "model_registry")


@dataclass(frozen=True)
class Session:
    """Tables, feature store and model registry of `target`; `tables.spark.spark_session` is the Spark session."""

    project: Project
    target: ModelTarget
    tables: Tables
    feature_store: FeatureStore
    model_registry: ModelRegistry

    def show(self, title: str, shown: pd.DataFrame | Figure | str) -> None:
        """Show it in the notebook; from a console print it, and write a picture to a file whose name is printed."""
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython():
            _display(title, shown)
        else:
            click.echo(f"\n{title}\n{_printed(shown, self._pictures / f'{title}.png')}")

    @property
    def _pictures(self) -> Path:
        local = self.target.platform == "local"
        folder = self.target.state_path / "notebooks" if local else _own_folder()
        return folder / self.target.schema_name


@cache
def _own_folder() -> Path:
    """Of this process: a folder that everybody can name might be a link of somebody else."""
    return Path(tempfile.mkdtemp(prefix="notebooks-"))


def open_session(project: Project, target: str | None = None) -> Session:
    """The adapters of `target`; without it those of MLOPS_TARGET, else of `dev` on Databricks and `local` elsewhere.

    Raises:
        TargetError: there is no such target.
    """
    if target is None and "MLOPS_TARGET" not in os.environ and "DATABRICKS_RUNTIME_VERSION" in os.environ:
        target = "dev"
    chosen = load_target(project, target).of(project)
    with adapters(project, chosen, *ADAPTERS, "spark") as resources:
        return Session(project, chosen, *(getattr(resources, name) for name in ADAPTERS))


def _display(title: str, shown: pd.DataFrame | Figure | str) -> None:
    from IPython.display import Image, Markdown, display
    from matplotlib.figure import Figure

    display(Markdown(f"**{title}**"))
    display(Image(png(shown)) if isinstance(shown, Figure) else Markdown(shown) if isinstance(shown, str) else shown)


def _printed(shown: pd.DataFrame | Figure | str, file: Path) -> str:
    from matplotlib.figure import Figure

    if isinstance(shown, str):
        return shown
    if isinstance(shown, Figure):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(png(shown))
        return str(file)
    return "no rows" if shown.empty else shown.to_string(index=False)
