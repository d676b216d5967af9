"""Hold imports to the contracts of setup.cfg: the machinery to its own, each project to those of [each-project:...]."""

from __future__ import annotations

import sys
import tempfile
from configparser import RawConfigParser
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

EACH = "each-project:"


def main() -> int:
    """Returns the exit code of the process."""
    root = Path.cwd()
    contracts = RawConfigParser()
    contracts.read(root / "setup.cfg")
    for bundle in sorted(root.glob("*/databricks.yml")):
        _add(contracts, bundle.parent)
    sys.path.insert(0, str(root))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "contracts.ini").open("w") as file:
        contracts.write(file)
        file.flush()
        return int(lint_imports(file.name, no_logo=True) != EXIT_STATUS_SUCCESS)


def _add(contracts: RawConfigParser, project: Path) -> None:
    contracts["importlinter"]["root_packages"] += "".join(f"\n{root}" for root in _roots(project))
    for section in [name for name in contracts.sections() if name.startswith(EACH)]:
        values = {key: value.format(project=project.name) for key, value in contracts[section].items()}
        contracts[f"importlinter:contract:{project.name}-{section.removeprefix(EACH)}"] = values


def _roots(project: Path) -> list[str]:
    """The package, and its folders without an `__init__.py`, which import-linter takes for roots of their own."""
    stages = sorted(folder for folder in project.iterdir() if folder.is_dir() and any(folder.rglob("*.py")))
    return [project.name, *(f"{project.name}.{stage.name}" for stage in stages if not (stage / "__init__.py").exists())]


if __name__ == "__main__":
    sys.exit(main())
