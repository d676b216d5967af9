"""constraints.txt: one version of each package that set-up may install, so that no release elsewhere breaks it."""

from __future__ import annotations

import re
import subprocess
from configparser import ConfigParser

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.conftest import ROOT


def requirements(text: str) -> list[Requirement]:
    lines = (line.removesuffix("\\").strip() for line in text.splitlines() if not line.strip().startswith("--hash="))
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned(text: str) -> dict[str, Version]:
    found = {}
    for requirement in requirements(text):
        if requirement.marker and not requirement.marker.evaluate():
            continue  # of another Python or system
        (specifier,) = requirement.specifier
        assert specifier.operator == "=="
        found[canonicalize_name(requirement.name)] = Version(specifier.version)
    return found


CONSTRAINTS = pinned((ROOT / "constraints.txt").read_text())


def test_what_setup_cfg_asks_for_is_pinned_inside_its_range() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    wanted = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    asked = {canonicalize_name(each.name): each.specifier for text in wanted for each in requirements(text)}
    assert len(asked) > 30
    # The newest that the range allows on a laptop; on the Dagster host, the one of Databricks' runtime.
    del asked["pyspark"]
    assert [name for name, specifier in asked.items() if CONSTRAINTS.get(name) not in specifier] == []


def test_the_cluster_gets_the_versions_of_the_host() -> None:
    of_the_cluster = pinned((PROJECT.folder / "requirements.txt").read_text())
    assert of_the_cluster.items() <= CONSTRAINTS.items()


def test_packages_that_others_bring_are_pinned_too() -> None:
    assert {"opentelemetry-sdk", "sqlalchemy", "grpcio"} < CONSTRAINTS.keys()


def test_each_package_has_the_hashes_of_its_files_and_pip_gets_the_same_versions() -> None:
    """uv checks them as it installs; pip would ask for those of the project itself too."""
    text = (ROOT / "constraints.txt").read_text()
    assert re.fullmatch(r"(\S+==[^\\\n]+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+)+", text)
    command = [ROOT / "scripts" / "versions_alone.sh"]
    alone = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [str(each) for each in requirements(alone)] == [str(each) for each in requirements(text)]
    assert "--hash" not in alone
