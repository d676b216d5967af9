"""`python -m cicd NAME`: set up the project NAME and its pipelines here, or with --pull-request on a branch.

Arguments after `--` are those of `python -m mlops_core.cli.new`, for a project that does not exist yet.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from cicd.azure_devops.client import AzureDevOpsError
from cicd.pull_request import AzureRepos, branch_of_main, push_changes
from cicd.set_up import ProjectError, check_name, set_up_project

DESCRIPTION = "The pipelines and the code location of {name}. After the merge: scripts/create_pipelines.sh {name}"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m cicd", description=__doc__)
    parser.add_argument("name", help="the project, which is the name of its Python package")
    parser.add_argument("--pull-request", action="store_true", help="on a branch, and open its pull request")
    given = sys.argv[1:] if arguments is None else arguments
    own, new = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])
    options, root = parser.parse_args(own), Path.cwd()
    try:
        check_name(options.name)
        if options.pull_request:
            sys.stdout.write(f"{_propose(root, options.name, new)}\n")
        else:
            set_up_project(root, options.name, new)
    except (ProjectError, AzureDevOpsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(map(str, error.cmd))} failed: {(error.stderr or '').strip()}\n")
        return 1
    return 0


def _propose(root: Path, name: str, arguments: list[str]) -> str:
    repository, branch = AzureRepos.of(os.environ), f"cicd/{name}"
    with branch_of_main(root, branch) as tree:
        set_up_project(tree, name, arguments)
        if not push_changes(tree, branch, f"Set up the project {name} and its pipelines"):
            return f"Nothing to do: main has the project {name} and its pipelines."
        page = repository.ensure_pull_request(branch, f"Set up {name}", DESCRIPTION.format(name=name))
        return f"The pull request is {page}"


if __name__ == "__main__":
    sys.exit(main())
