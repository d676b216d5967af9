"""Who else can write to the staging volume: checked when a Databricks run starts, without blocking it."""

from __future__ import annotations

from mlops_core.adapters.step_launcher.call_errors import call_errors
from mlops_core.adapters.step_launcher.workspace import Workspace

WRITING = frozenset({"WRITE_VOLUME", "ALL_PRIVILEGES", "MANAGE"})  # who manages it may grant the rest to themselves
PATIENCE_S = 15.0  # a step does not wait for what it can do without


def findings(workspace: Workspace, volume: str) -> list[str]:
    """Sentences about the rights on the staging volume; none when only the caller may write there.

    Whoever writes on it can put a request, which is a pickle, before the pipeline's cluster. Owners of the volume and
    of its schema may as well; those of the catalog and the metastore's admins are trusted with everything below.
    """
    from databricks.sdk.errors import NotFound

    name = ".".join(volume.split("/")[2:5])
    try:
        return _findings(workspace.with_patience(PATIENCE_S), name)
    except NotFound:
        return [f"The staging volume {name} does not exist: deploy the bundle, which declares it."]
    except call_errors() as error:
        return [f"The rights on the staging volume {name} can't be read ({error}): ask its owner to check them."]


def _findings(workspace: Workspace, name: str) -> list[str]:
    mine = workspace.user_name()
    held = workspace.privileges("volume", name)
    writers = {who for who, privileges in held.items() if privileges & WRITING}
    others = sorted(writers - {mine})
    owners = sorted({*workspace.owners(name)} - {mine, *others})
    sentences = []
    if others:
        sentences.append(
            f"{', '.join(others)} may write on the staging volume {name}, and so run code as {mine} on its clusters: "
            f"leave WRITE VOLUME to {mine} alone."
        )
    if owners:
        sentences.append(
            f"{', '.join(owners)} may give themselves the right to write on the staging volume {name}, because they "
            f"own it or its schema: let {mine} own both."
        )
    return sentences
