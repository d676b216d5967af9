"""Refuse a plan of the bundle that would do what an approved one did not say: exceeding_plan.py APPROVED PLAN.

What has been done since the approval may be missing from the plan. Both files are the output of `databricks bundle plan
--output json` with the direct engine: an action for each resource, and one for each of its fields that differs.
"""

import json
import sys
from pathlib import Path


def acts(plan: Path) -> set[str]:
    """What a plan does, one `action resource` or `action resource.field` each."""
    found = set()
    for resource, entry in (json.loads(plan.read_text()).get("plan") or {}).items():
        fields = {f"{resource}.{field}": change for field, change in (entry.get("changes") or {}).items()}
        found |= {f"{one['action']} {name}" for name, one in {resource: entry, **fields}.items() if "action" in one}
    return {act for act in found if not act.startswith("skip ")}


if __name__ == "__main__":
    approved, plan = (acts(Path(file)) for file in sys.argv[1:])
    if exceeding := sorted(plan - approved):
        said = ", ".join(exceeding)
        sys.exit(f"The target has changed since the plan was approved, which did not say: {said}. Start a new run.")
