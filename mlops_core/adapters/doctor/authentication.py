"""How databricks-sdk will sign in here, from the variables of the environment; nothing is asked of a workspace."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlops_core.adapters.doctor.finding import Finding, failed, ok, warning

SECRETS = ("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_SECRET", "ARM_CLIENT_SECRET", "DATABRICKS_PASSWORD")
"""Unified authentication takes them, and whoever can read the environment has them for as long as they live."""

PROJECTED = "deploy/kubernetes/code-location-values.yaml.template projects it"


def authentication_variables(environ: Mapping[str, str]) -> Iterator[Finding]:
    """The variables of the kind of authentication that DATABRICKS_AUTH_TYPE names, and secrets that are not needed."""
    kind = environ.get("DATABRICKS_AUTH_TYPE")
    kinds = {"file-oidc": _file_oidc, "azure-cli": _azure_cli, "azure-devops-oidc": _unknown, "azure-msi": _unknown}
    if kind in kinds:
        yield from kinds[kind](environ)
    elif kind:
        yield ok(f"DATABRICKS_AUTH_TYPE is {kind}")
    else:
        fix = "set it to azure-cli in a pipeline and to file-oidc on Kubernetes, so that nothing else is tried"
        yield warning("DATABRICKS_AUTH_TYPE is not set: the SDK takes the first kind that it finds something for", fix)
    for name in SECRETS:
        if environ.get(name):
            yield warning(f"{name} is set, a secret that lives long", "use workload identity federation instead")


def _file_oidc(environ: Mapping[str, str]) -> Iterator[Finding]:
    if not environ.get("DATABRICKS_CLIENT_ID"):
        fix = "set it to the service principal's application id"
        yield failed("file-oidc needs DATABRICKS_CLIENT_ID", fix)
    path = environ.get("DATABRICKS_OIDC_TOKEN_FILE")
    if not path:
        yield failed("file-oidc needs DATABRICKS_OIDC_TOKEN_FILE", f"set it to the token's file: {PROJECTED}")
        return
    try:
        token = Path(path).read_text().strip()
    except OSError as error:
        yield failed(f"The token can't be read: {error}", f"mount the service account's token there: {PROJECTED}")
        return
    yield _described(token, path)


def _described(token: str, path: str) -> Finding:
    """What a federation policy must say to accept the token: its claims are no secret, its signature is not shown."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        said = f"issuer {claims['iss']}, subject {claims['sub']}, audience {claims['aud']}"
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        return failed(f"{path} holds no OIDC token", f"mount the service account's token there: {PROJECTED}")
    return ok(f"The token that the federation policy must accept has {said}")


def _azure_cli(environ: Mapping[str, str]) -> Iterator[Finding]:
    if shutil.which("az", path=environ.get("PATH")) is None:
        fix = "install the Azure CLI, or run this inside of the task AzureCLI@2"
        yield failed("azure-cli needs the program az", fix)
    else:
        yield ok("The Azure CLI's session signs in")


def _unknown(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Kinds that other tools of Databricks know, or later versions of the SDK."""
    fix = "set DATABRICKS_AUTH_TYPE to azure-cli inside of the task AzureCLI@2, else to file-oidc"
    yield failed(f"databricks-sdk below 0.61 does not know {environ['DATABRICKS_AUTH_TYPE']}", fix)
