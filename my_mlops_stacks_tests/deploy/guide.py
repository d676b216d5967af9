"""Runs the commands of the guides as a reader does, with programs that only note how they are called."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from my_mlops_stacks_tests.azure.test_scripts import commands_of

ROOT = Path(__file__).resolve().parents[2]
NOTED = Path(__file__).with_name("noting_program.sh")
PROGRAMS = ("az", "databricks", "docker", "git", "helm", "kubectl", "kubelogin", "make", "openssl", "sleep")
REAL = (
    *("basename", "bash", "cat", "cut", "dirname", "env", "grep", "head", "install", "mkdir", "mktemp", "paste"),
    *("printf", "rm", "sed", "sort", "tail", "tee", "tr", "true", "wc"),
)
PAGES = ("mlops-setup.md", "deployment.md", "promotion.md")
CALL = re.compile(r"^\s*\$ ((?:[^\n|]+\| )?az (?:.*\\\n)*.*)", re.MULTILINE)
END = "\x1e"


def pasted() -> str:
    """What a reader pastes, in this order: the other pages go on in the first one's shell."""
    return "\n".join(block for page in PAGES for block in commands_of(page))


def further_commands() -> list[str]:
    """What a reader copies besides: after the $ of an example, and calls of the Azure CLI within sentences."""
    found = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text()
        examples = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
        found += [line for block in examples for line in CALL.findall(block)]
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        found += [code.replace("\n", " ") for code in re.findall(r"`(az [^`]* --[^`]*)`", prose)]
    return [re.sub(r"<[a-z ]+>", "0123abc", command) for command in found]


def run(folder: Path, commands: str, exists: bool) -> tuple[list[list[str]], str]:
    """The calls that they make, and what the shell says about them; `exists`: whether everything is there already."""
    programs = folder / "programs"
    if not programs.exists():
        _lay_out(folder, programs)
    notes = folder / "notes"
    notes.write_text("")
    environment = {"PATH": str(programs), "HOME": str(folder), "NOTES": str(notes), "EXISTS": "yes" if exists else ""}
    bash = shutil.which("bash") or "bash"
    done = subprocess.run(
        [bash, "-c", commands],
        check=False, env=environment, cwd=folder / "repository", capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return [call.split("\0")[:-1] for call in notes.read_text().split(f"{END}\0")[:-1]], done.stderr


def _lay_out(folder: Path, programs: Path) -> None:
    """The repository as far as the scripts read it, and the programs."""
    for part in ("scripts", ".azure", "cicd", "deploy"):
        shutil.copytree(ROOT / part, folder / "repository" / part)
    shutil.copy(ROOT / "constraints.txt", folder / "repository")
    (folder / "repository" / "my_mlops_stacks").mkdir()
    (folder / "repository" / "my_mlops_stacks" / "databricks.yml").write_text("bundle: {}\n")
    programs.mkdir()
    for name in PROGRAMS:
        (programs / name).symlink_to(NOTED)
    for name in REAL:
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "python3").symlink_to(sys.executable)
    (folder / "repository" / "scripts" / "install_tools.sh").unlink()
    for name in ("scripts/install_tools.sh", ".venv/bin/python"):
        (folder / "repository" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "repository" / name).symlink_to(NOTED)
