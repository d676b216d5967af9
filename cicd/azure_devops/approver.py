"""`python -m cicd.azure_devops.approver`: prints who approved the environment of the pipeline's stage that runs this.

Without an approval it ends with 1: a promotion by nobody is none.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from cicd.azure_devops.client import PREVIEW, AzureDevOps, AzureDevOpsError, of_run

APPROVAL, CHECKPOINT, STAGE = "Checkpoint.Approval", "Checkpoint", "Stage"


def main() -> int:
    """Returns the exit code of the process."""
    try:
        build, stage = of_run(os.environ, "BUILD_BUILDID", "SYSTEM_STAGENAME")
        names = list(approvers(AzureDevOps.of_run(os.environ), build, stage))
    except AzureDevOpsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not names:
        sys.stderr.write(
            "Nobody approved this stage: scripts/create_pipelines.sh sets the approval of its environment.\n"
        )
        return 1
    sys.stdout.write(f"{', '.join(names)}\n")
    return 0


def approvers(devops: AzureDevOps, build: str, stage: str) -> Iterator[str]:
    """Who approved the stage, each once: by the name that people sign in with."""
    records: list[dict[str, Any]] = devops.get(f"build/builds/{build}/timeline")["records"]

    def of(kind: str, parents: set[str]) -> set[str]:
        return {each["id"] for each in records if each["type"] == kind and each.get("parentId") in parents}

    stages = {each["id"] for each in records if each["type"] == STAGE and each.get("identifier") == stage}
    seen: set[str] = set()
    for approval in sorted(of(APPROVAL, of(CHECKPOINT, stages))):
        found = devops.get(f"pipelines/approvals/{approval}", PREVIEW, **{"$expand": "steps"})
        for step in found.get("steps", ()):
            person = step.get("actualApprover") or {}
            name = person.get("uniqueName") or person.get("displayName")
            if step.get("status") == "approved" and name and name not in seen:
                seen.add(name)
                yield name


if __name__ == "__main__":
    sys.exit(main())
