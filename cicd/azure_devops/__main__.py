"""`python -m cicd.azure_devops PROJECT [--verify]`: make, or only look for, what its pipelines need in Azure DevOps."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from cicd.azure_devops.client import AzureDevOps, AzureDevOpsError
from cicd.azure_devops.requirements import make_all, missing, requirements
from cicd.azure_devops.wanted import PIPELINES

ADDRESS = re.compile(r"https://dev\.azure\.com/[^/?#]+/?|http://127\.0\.0\.1:\d+/[^/?#]+")
"""Of an organization, whose name is part of the names of its accounts; or of a stand-in on this machine."""


def main() -> int:
    """Returns the exit code of the process: 1 when something is missing."""
    parser = argparse.ArgumentParser(prog="scripts/create_pipelines.sh")
    parser.add_argument("project", help="the project, which is the name of its Python package")
    parser.add_argument("--verify", action="store_true", help="change nothing, and say what is missing")
    options, root = parser.parse_args(), Path.cwd()
    if not (root / PIPELINES / f"{options.project}-tests-ci.yml").is_file():
        sys.stderr.write(
            f"The project '{options.project}' has no pipelines here: make them with 'python -m cicd "
            f"{options.project}', and push them to main.\n"
        )
        return 1
    if not ADDRESS.fullmatch(os.environ["ORGANIZATION"]):
        sys.stderr.write(f"ORGANIZATION is {os.environ['ORGANIZATION']!r}: write it as https://dev.azure.com/acme.\n")
        return 1
    devops = AzureDevOps(*(os.environ[name] for name in ("ORGANIZATION", "DEVOPS_PROJECT", "AZURE_DEVOPS_TOKEN")))
    try:
        return _run(devops, root, options.project, options.verify)
    except AzureDevOpsError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _run(devops: AzureDevOps, root: Path, project: str, verify: bool) -> int:
    wanted = requirements(devops, root, project, os.environ["REPOSITORY"])
    made = [] if verify else make_all(devops, wanted)
    left = missing(devops, wanted)
    sys.stdout.writelines(f"fixed   {said.rpartition(': ')[0]}\n" for said in made if said not in left)
    sys.stderr.writelines(f"missing {said}\n" for said in left)
    if not left:
        sys.stdout.write(f"The pipelines of {project} have everything that they need\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
