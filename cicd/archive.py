"""`python -m cicd.archive FILE`: what another repository needs for pipelines like these, the same bytes every time."""

from __future__ import annotations

import gzip
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATTERNS = (
    "cicd/**/*.py",
    "cicd/README.md",
    "template/.azure/devops-pipelines/*.jinja",
    ".azure/devops-pipelines/README.md",
    ".azure/devops-pipelines/deploy-cicd.yml",
    ".azure/devops-pipelines/templates/*.yml",
)


def pack(file: Path) -> None:
    """Names in order, no owner, no time: two archives of the same files are equal."""
    paths = [path for pattern in PATTERNS for path in ROOT.glob(pattern)]
    with (
        file.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name, path in sorted((path.relative_to(ROOT).as_posix(), path) for path in paths):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(entry, content)


if __name__ == "__main__":
    pack(Path(sys.argv[1]))
