"""The documents: every link leads somewhere, and every command that they name exists."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|\bsrc(?:set)?=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MAKEFILES = "".join((ROOT / name).read_text() for name in ("Makefile", "repository.mk"))
DOCUMENTS = [ROOT / name for name in files() if name.endswith(".md")]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub and Azure DevOps make them."""
    headings = HEADING.findall(FENCE.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def broken(document: Path) -> list[str]:
    found = []
    for link in (first or second for first, second in LINK.findall(FENCE.sub("", document.read_text()))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        place = (document.parent / name).resolve() if name else document
        if not place.exists() or (anchor and anchor not in anchors(place)):
            found.append(link)
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_link_leads_somewhere(document):
    assert broken(document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_every_command_exists(document):
    text = document.read_text()
    targets = set(re.findall(r"^([a-z][\w.-]*):", MAKEFILES, re.MULTILINE))
    named = set(re.findall(r"(?:^[$ ]*(?:\w+=\S+ )*|`)make ([a-z][\w.-]*)", text, re.MULTILINE))
    assert named - targets == set()
    modules = set(re.findall(r"python -m (my_mlops_stacks[\w.]*)", text))
    assert [module for module in modules if find_spec(module) is None] == []
    tests = set(re.findall(r"\bmy_mlops_stacks_tests/[\w./]+\.py", text))
    assert [path for path in tests if not (ROOT / path).exists()] == []


def test_a_broken_link_is_found(tmp_path):
    document = tmp_path / "page.md"
    links = "[a](gone.md) [b](#where-to-go) [c](#nowhere) [d](https://example.com) ![e](e.svg)"
    document.write_text(f"# Where to go\n{links}\n")
    assert broken(document) == ["gone.md", "#nowhere", "e.svg"]
