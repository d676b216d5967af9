"""Where a target's workspace is: read once, for every link and every sign-in.

The environment's `DATABRICKS_HOST` wins over the bundle's `workspace`, as a whole. A host may be written as people copy
it from a browser: without scheme, with a path, with `?o=<workspace id>` where several workspaces share one address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from mlops_core.config.errors import TargetError

ON_CLUSTER = "MLOPS_WORKSPACE"
"""Tells a step on Databricks the address that its host had; it is for links there, as the cluster is signed in."""

SIGN_IN_KEYS = (
    *("auth_type", "client_id", "google_service_account", "azure_workspace_resource_id", "azure_use_msi"),
    *("azure_client_id", "azure_tenant_id", "azure_environment", "account_id"),
)
"""Keys of the bundle's `workspace` that databricks-sdk accepts under the same name."""

WORKSPACE_ID = {"o": r"\d+", "w": r".+", "workspace_id": r"\d+"}
ACCOUNT_ID = ("a", "account_id")
DEFAULT_FILE = "~/.databrickscfg"
LOOPBACK = r"localhost|127(\.\d{1,3}){3}"


@dataclass(frozen=True)
class WorkspaceAddress:
    """`host` is scheme and name alone; `source` says where it was read; `sign_in` is for databricks-sdk's Config.

    `overruled` is the bundle's host when the environment has another one.
    """

    host: str
    source: str
    workspace_id: str | None = None
    profile: str | None = None
    sign_in: Mapping[str, Any] = field(default_factory=dict)
    overruled: str | None = None

    @property
    def url(self) -> str:
        """The workspace's URL, with its id where the host is shared: `https://<name>/?o=12345`."""
        is_named = self.workspace_id is None or f"adb-{self.workspace_id}." in self.host
        return self.host if is_named else f"{self.host}/?{urlencode({'o': self.workspace_id})}"


def link(base: str, page: str) -> str:
    """The URL of a page below `base`, which keeps its query and may lack its scheme; a page may begin with `#`."""
    url, below = urlsplit(base if "://" in base else f"https://{base}"), urlsplit(page)
    if url.fragment:
        return url._replace(fragment=f"{url.fragment.rstrip('/')}/{page}").geturl()
    query = "&".join(filter(None, (below.query, url.query)))
    return url._replace(path=f"{url.path.rstrip('/')}/{below.path}", query=query, fragment=below.fragment).geturl()


def parsed_host(written: str, source: str) -> WorkspaceAddress:
    """Parse a host as it is written.

    Raises:
        TargetError: it has no name of a host, or calls would not be encrypted on their way to it.
    """
    url = urlsplit(written.strip() if "://" in written else f"https://{written.strip()}")
    if not url.hostname or not re.fullmatch(r"[\w.-]+", url.hostname) or url.scheme not in ("https", "http"):
        raise TargetError(f"{source} is {written!r}, but it should be a workspace's URL, https://<name>.")
    if url.scheme == "http" and not re.fullmatch(LOOPBACK, url.hostname):
        raise TargetError(f"{source} is {written!r}, where tokens would go unencrypted: write https://{url.hostname}.")
    query = {key: values[0] for key, values in parse_qs(url.query).items()}
    workspace = next((query[key] for key, form in WORKSPACE_ID.items() if re.fullmatch(form, query.get(key, ""))), None)
    account = next((query[key] for key in ACCOUNT_ID if key in query), None)
    name = url.netloc.rpartition("@")[2].removesuffix(":443")
    return WorkspaceAddress(
        f"{url.scheme}://{name}", source, workspace, sign_in={"account_id": account} if account else {}
    )


@dataclass(frozen=True)
class WrittenWorkspace:
    """The bundle's `workspace` as it is written, and the place of its host and profile."""

    keys: Mapping[str, Any]
    where: Mapping[str, str]

    def address(self, environ: Mapping[str, str]) -> WorkspaceAddress | None:
        """The address that the environment says, else the bundle, else the bundle's profile; None without any.

        Raises:
            TargetError: the host is no URL or refers to a variable, or there is no such profile.
        """
        for variable in (ON_CLUSTER, "DATABRICKS_HOST"):
            if environ.get(variable):
                found = parsed_host(environ[variable], f"The environment's {variable}")
                found = replace(found, overruled=self._other_than(found.host))
                return _completed(found, environ, {"profile": environ.get("DATABRICKS_CONFIG_PROFILE")})
        keys = {**self.keys, "profile": environ.get("DATABRICKS_CONFIG_PROFILE") or self.keys.get("profile")}
        host, source = keys.get("host"), self.where["host"]
        if host and "${" in str(host):
            raise TargetError(f"{source} is {host!r}, but the bundle CLI resolves no reference there: write the URL.")
        if not host and keys["profile"]:
            file = Path(environ.get("DATABRICKS_CONFIG_FILE") or DEFAULT_FILE)
            known = _of_profile(str(keys["profile"]), file, self.where["profile"])
            keys = {**known, **{key: value for key, value in keys.items() if value is not None}}
            host, source = keys["host"], f"The profile {keys['profile']} of {file}"
        return _completed(parsed_host(str(host), source), environ, keys) if host else None

    def _other_than(self, host: str) -> str | None:
        stated = self.keys.get("host")
        return str(stated) if stated and parsed_host(str(stated), self.where["host"]).host != host else None


def _completed(found: WorkspaceAddress, environ: Mapping[str, str], keys: Mapping[str, Any]) -> WorkspaceAddress:
    """`found` with what stands beside the host; a workspace's id that is stated wins over that of the host's query."""
    stated = environ.get("DATABRICKS_WORKSPACE_ID") or keys.get("workspace_id")
    profile = keys.get("profile")
    signing_in = {key: keys[key] for key in SIGN_IN_KEYS if keys.get(key) is not None}
    return replace(
        found,
        workspace_id=str(stated) if stated else found.workspace_id,
        profile=str(profile) if profile else None,
        sign_in={**found.sign_in, **signing_in},
    )


def _of_profile(profile: str, file: Path, where: str) -> dict[str, str]:
    import configparser

    parser = configparser.ConfigParser(interpolation=None, default_section="")
    parser.read(file.expanduser())
    if not parser.has_option(profile, "host"):
        fix = f"run databricks auth login --profile {profile}, or set DATABRICKS_HOST"
        raise TargetError(f"{where} is {profile!r}, but {file} has no host under that name: {fix}.")
    return {key: parser[profile][key] for key in ("host", "workspace_id") if key in parser[profile]}
