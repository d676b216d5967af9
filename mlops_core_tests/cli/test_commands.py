"""What every command of a project says before it does anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONTRADICTION = """from mlops_core.project import IntRange, Search

SEARCH = Search(
    {"rounds": IntRange(5, 1)},
)
"""


def test_a_contradiction_is_one_sentence_with_its_place(tmp_path: Path) -> None:
    project = tmp_path / "odd" / "project.py"
    project.parent.mkdir()
    (project.parent / "__init__.py").touch()
    project.write_text(CONTRADICTION)
    command = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from mlops_core.cli import main; main('odd')"
    ended = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    (sentence,) = ended.stderr.splitlines()
    assert sentence.startswith(f"{project}, line 4: ")
