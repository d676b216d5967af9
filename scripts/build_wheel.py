"""Build the machinery alone as a wheel, for a package feed: scripts/build_wheel.py FOLDER

Its name is mlops_core; version and dependencies are those of setup.cfg.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import RawConfigParser
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
NAME = "mlops_core"
DESCRIPTION = "The machinery of MLOps projects: Dagster orchestrates, Databricks computes, a laptop runs all of it."


def main() -> int:
    """Returns the exit code of the process."""
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.stderr.write("Name the folder for the wheel: scripts/build_wheel.py dist\n")
        return 2
    with TemporaryDirectory() as folder:
        source = Path(folder)
        shutil.copytree(ROOT / NAME, source / NAME, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.py", "pyproject.toml", "LICENSE"):
            shutil.copy(ROOT / name, source)
        with (source / "setup.cfg").open("w") as file:
            _metadata().write(file)
        build = ["-W", "ignore", "setup.py", "-q", "bdist_wheel", "--dist-dir", str(Path(sys.argv[1]).absolute())]
        done = subprocess.run([sys.executable, *build], cwd=source, check=False, capture_output=True, text=True)  # noqa: S603
    sys.stdout.write(done.stderr if done.returncode else f"The wheel of {NAME} is in {sys.argv[1]}\n")
    return done.returncode


def _metadata() -> RawConfigParser:
    """Of setup.cfg, with what is said of the repository said of the machinery."""
    setup = RawConfigParser()
    setup.read(ROOT / "setup.cfg")
    setup["metadata"].update(name=NAME, description=DESCRIPTION, long_description=f"file: {NAME}/README.md")
    return setup


if __name__ == "__main__":
    sys.exit(main())
