"""`python -m cicd NAME`: set up the project NAME and its pipelines here, or with --pull-request on a branch."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

from cicd.project import ProjectError, copy_project, set_up_project
from cicd.pull_request import AzureRepos, branch_of_main, push_changes

DESCRIPTION = "The pipelines and the code location of {name}. After the merge: scripts/create_pipelines.sh {name}"


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m cicd", description=__doc__)
    parser.add_argument("name", help="the project, which is the name of its Python package")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--pull-request", action="store_true", help="on a branch, and open its pull request")
    where.add_argument("--copy-to", type=Path, help="only copy the project there, for a repository of its own")
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parents[1]
    try:
        if options.copy_to:
            copy_project(root, options.name, options.copy_to)
        elif options.pull_request:
            sys.stdout.write(f"{_propose(root, options.name)}\n")
        else:
            set_up_project(root, options.name)
    except (ProjectError, URLError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyError as error:
        sys.stderr.write(f"The environment variable {error.args[0]} is missing: a pipeline's run has it.\n")
        return 1
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{' '.join(map(str, error.cmd))} failed: {(error.stderr or '').strip()}\n")
        return 1
    return 0


def _propose(root: Path, name: str) -> str:
    repository, branch = AzureRepos.of(os.environ), f"cicd/{name}"
    with branch_of_main(root, branch) as tree:
        set_up_project(tree, name)
        if not push_changes(tree, branch, f"Set up the project {name} and its pipelines"):
            return f"Nothing to do: main has the project {name} and its pipelines."
        page = repository.ensure_pull_request(branch, f"Set up {name}", DESCRIPTION.format(name=name))
        return f"The pull request is {page}"


if __name__ == "__main__":
    sys.exit(main())
