"""The real tools that deploy/ and the guides are tried with, where `make deploy-tools` or a variable has put them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local" / "deploy-tools"
# Read before a test runs, from which Azure's variables are kept.
AZURE_PYTHON = Path(os.environ.get("AZURE_CLI", FOLDER / "azure" / "bin" / "python"))
AZURE_EXTENSIONS = os.environ.get("AZURE_EXTENSION_DIR", str(FOLDER / "extensions"))


def helm() -> str:
    """The program; skips the test where there is none."""
    found = shutil.which("helm", path=f"{FOLDER}{os.pathsep}{os.environ['PATH']}")
    return found or pytest.skip("Helm is not here: make deploy-tools")


def charts() -> Path:
    """The folder of Dagster's charts, unpacked; skips the test where they are not."""
    folder = Path(os.environ.get("HELM_CHARTS", FOLDER / "charts"))
    if not (folder / "dagster" / "Chart.yaml").exists():
        pytest.skip("Dagster's charts are not here: make deploy-tools, or HELM_CHARTS=the folder that has dagster/")
    return folder


def azure_python() -> str:
    """A Python with the Azure CLI; skips the test where there is none."""
    return str(AZURE_PYTHON) if AZURE_PYTHON.exists() else pytest.skip("The Azure CLI is not here: make deploy-tools")
