"""The files of a repository of one project that differ from those of the template's repository."""

from __future__ import annotations

import re
from pathlib import Path

MACHINERY = "mlops_core"
CHECKS = """#!/usr/bin/env bash
# What continuous integration runs.
set -euo pipefail
cd "$(dirname "$0")/.."
make lint test
"""
README = """# {project}

Dagster orchestrates, Databricks computes, and a laptop runs all of it. What is predicted, and where to change it, is in
[{project}/README.md]({project}/README.md).

```console
$ make run     # sets up .venv the first time, then runs the whole pipeline
$ make dev     # its graph in the Dagster UI: http://127.0.0.1:3000
$ make test lint
$ make help    # the rest
```

{machinery} The manual is in `docs/` of the template{origin}. The pipelines are in `.azure/devops-pipelines/`, and
`deploy-cicd.yml` completes them from `cicd.tar.gz`.
"""


def rename(file: Path, old: str, new: str) -> None:
    """Let a text name the project `new` instead of `old`, also as Kubernetes does, with dashes."""
    if file.suffix == ".gz":
        return
    text = file.read_text().replace(old, new).replace(old.replace("_", "-"), new.replace("_", "-"))
    file.write_text(text)


def depend(setup: Path, requirement: str) -> None:
    """Let a setup.cfg require the machinery alone, which brings its own requirements and entry points."""
    text = re.sub(r"(?<=^install_requires =\n)(?:    .*\n)+", f"    {requirement}\n", setup.read_text(), flags=re.M)
    setup.write_text(re.sub(r"^\[options\.entry_points\]\n(?:.+\n)+\n", "", text, flags=re.M))


def write_own_files(made: Path, project: str, wheel: bool, origin: str) -> None:
    """README.md and .ci/run."""
    held = f"The machinery is the package `{MACHINERY}` that setup.cfg names." if wheel else ""
    held = held or f"The machinery is in [{MACHINERY}]({MACHINERY}/README.md)."
    address = f", {origin}" if origin else ""
    (made / "README.md").write_text(README.format(project=project, machinery=held, origin=address))
    (made / ".ci").mkdir()
    (made / ".ci" / "run").write_text(CHECKS)
    (made / ".ci" / "run").chmod(0o755)


def drop_dead_links(document: Path) -> None:
    """Links of its text to files that stayed behind become words."""

    def kept(link: re.Match[str]) -> str:
        place = link[2].partition("#")[0]
        return link[0] if ":" in place or (document.parent / place).exists() else link[1]

    document.write_text(re.sub(r"\[([^\]]*)\]\(([^)\s]+)\)", kept, document.read_text()))
