"""What should be so on the workspace before a step is staged there, and who could make use of it when it is not."""

from __future__ import annotations

from my_mlops_stacks.adapters.step_launcher.workspace import Workspace

WRITING = frozenset({"WRITE_VOLUME", "ALL_PRIVILEGES"})


def findings(workspace: Workspace, volume: str) -> list[str]:
    """Sentences about the rights on the staging volume; none when only the caller may write there.

    Whoever writes on it can put a request, which is a pickle, before the pipeline's cluster.
    """
    from databricks.sdk.errors import NotFound, PermissionDenied

    name = ".".join(volume.split("/")[2:5])
    try:
        held = workspace.privileges("volume", name)
    except NotFound:
        return [f"The staging volume {name} does not exist: deploy the bundle, which declares it."]
    except PermissionDenied as error:
        return [f"The rights on the staging volume {name} can't be read ({error}): ask its owner to check them."]
    mine = workspace.user_name()
    others = sorted(who for who, privileges in held.items() if who != mine and privileges & WRITING)
    if not others:
        return []
    return [
        f"{', '.join(others)} may write on the staging volume {name}, and so run code as {mine} on its clusters: "
        f"leave WRITE VOLUME to {mine} alone."
    ]
