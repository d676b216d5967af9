"""Rights: on workspace objects (Permissions API) and on securables of Unity Catalog (grants).

They are recorded, not enforced: the one identity of the emulated workspace may do everything.
"""

from __future__ import annotations

from typing import Any

from databricks.sdk.service.catalog import (
    GetPermissionsResponse,
    GrantsAPI,
    PrivilegeAssignment,
    UpdatePermissionsResponse,
)
from databricks.sdk.service.iam import (
    AccessControlRequest,
    AccessControlResponse,
    ObjectPermissions,
    Permission,
    PermissionLevel,
    PermissionsAPI,
)

from databricks_emulator.api import Call, invalid, route
from databricks_emulator.unity_catalog import UnityCatalog

OBJECT = "/api/2.0/permissions/{request_object_type}/{request_object_id}"
GRANTS = "/api/2.1/unity-catalog/permissions/{securable_type}/{full_name}"
PRINCIPALS = ("user_name", "group_name", "service_principal_name")


class Permissions:
    def __init__(self, catalog: UnityCatalog) -> None:
        self._catalog = catalog
        self._lists: dict[tuple[str, str], dict[tuple[str, str], PermissionLevel]] = {}
        self._grants: dict[tuple[str, str], dict[str, set[str]]] = {}

    @route("GET", OBJECT, PermissionsAPI.get)
    def get(self, call: Call) -> ObjectPermissions:
        return self._described(call)

    @route("PUT", OBJECT, PermissionsAPI.set)
    def set(self, call: Call) -> ObjectPermissions:
        self._lists[_object(call)] = self._of_the_maker(call)
        return self.update(call)

    @route("PATCH", OBJECT, PermissionsAPI.update)
    def update(self, call: Call) -> ObjectPermissions:
        levels = self._levels(call)
        for item in call.get("access_control_list") or []:
            asked = AccessControlRequest.from_dict(item)
            named = [(kind, getattr(asked, kind)) for kind in PRINCIPALS if getattr(asked, kind)]
            if len(named) != 1 or asked.permission_level is None:
                raise invalid("Each item needs a permission_level and exactly one of " + ", ".join(PRINCIPALS))
            levels[named[0]] = asked.permission_level
        return self._described(call)

    def _levels(self, call: Call) -> dict[tuple[str, str], PermissionLevel]:
        return self._lists.setdefault(_object(call), self._of_the_maker(call))

    def _of_the_maker(self, call: Call) -> dict[tuple[str, str], PermissionLevel]:
        """An experiment has no owner: who made it may manage it."""
        is_experiment = call["request_object_type"] == "experiments"
        level = PermissionLevel.CAN_MANAGE if is_experiment else PermissionLevel.IS_OWNER
        return {("user_name", self._catalog.owner): level}

    def _described(self, call: Call) -> ObjectPermissions:
        kind, key = _object(call)
        items = [
            AccessControlResponse(**{who: name}, all_permissions=[Permission(inherited=False, permission_level=level)])
            for (who, name), level in self._levels(call).items()
        ]
        return ObjectPermissions(access_control_list=items, object_id=f"/{kind}/{key}", object_type=kind.rstrip("s"))

    @route("GET", GRANTS, GrantsAPI.get)
    def grants(self, call: Call) -> GetPermissionsResponse:
        return GetPermissionsResponse(privilege_assignments=self._assignments(call))

    @route("PATCH", GRANTS, GrantsAPI.update)
    def update_grants(self, call: Call) -> UpdatePermissionsResponse:
        held = self._held(call)
        for change in call.get("changes") or []:
            of = held.setdefault(change["principal"], set())
            of |= set(change.get("add") or [])
            of -= set(change.get("remove") or [])
        return UpdatePermissionsResponse(privilege_assignments=self._assignments(call))

    @route("GET", GRANTS.replace("permissions", "effective-permissions"), GrantsAPI.get_effective)
    def effective(self, call: Call) -> dict[str, Any]:
        """The rights on the securable together with those that it inherits from its catalog and schema."""
        self._held(call)  # refuses a securable that is missing
        assigned: dict[str, list[dict[str, str]]] = {}
        for kind, name in _lineage(call["securable_type"].lower(), call["full_name"]):
            for principal, privileges in self._grants.get((kind, name), {}).items():
                origin = (
                    {}
                    if name == call["full_name"]
                    else {"inherited_from_type": kind.upper(), "inherited_from_name": name}
                )
                assigned.setdefault(principal, []).extend({"privilege": one, **origin} for one in sorted(privileges))
        items = [{"principal": principal, "privileges": privileges} for principal, privileges in assigned.items()]
        return {"privilege_assignments": items}

    def _held(self, call: Call) -> dict[str, set[str]]:
        kind, name = call["securable_type"].lower(), call["full_name"]
        if kind == "volume":
            self._catalog.check_volume(name)
        if kind == "schema":
            self._catalog.check_schema(name)
        return self._grants.setdefault((kind, name), {})

    def _assignments(self, call: Call) -> list[PrivilegeAssignment]:
        wanted = call.get("principal")
        return [
            PrivilegeAssignment.from_dict({"principal": principal, "privileges": sorted(privileges)})
            for principal, privileges in self._held(call).items()
            if privileges and wanted in (None, principal)
        ]


def _object(call: Call) -> tuple[str, str]:
    return call["request_object_type"], call["request_object_id"]


def _lineage(kind: str, name: str) -> list[tuple[str, str]]:
    parts = name.split(".")
    above = [("catalog", parts[0]), ("schema", ".".join(parts[:2]))][: len(parts) - 1]
    return [*above, (kind, name)]
