"""The commands of the guides, run as they stand: once where nothing is there, and again where everything is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from my_mlops_stacks_tests.deploy import guide

# What Azure and kubectl take twice: a PUT of the same settings, or a change to them.
AGAIN = (
    *("az acr task create", "az role assignment create", "az storage account create", "az storage container-rm create"),
    "az storage account management-policy create",
    *("az identity create", "az identity federated-credential create", "az postgres flexible-server db create"),
)
POD_MEMORY = {"Standard_D4s_v5": 12}  # GiB of 16, less what AKS keeps for itself
OF_THE_GUIDE = {"../churn: No such file"}  # made by a command that is not run


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, list[str]]:
    """Whether everything was there -> the calls."""
    folder = tmp_path_factory.mktemp("guide")
    found = {}
    for exists in (False, True):
        made, said = guide.run(folder, guide.pasted(), exists)
        unknown = [line for line in said.splitlines() if not any(known in line for known in OF_THE_GUIDE)]
        assert unknown == []
        found[exists] = [" ".join(call) for call in made]
    return found


def test_everything_is_made_once(calls: dict[bool, list[str]]) -> None:
    made = " ".join(calls[False])
    for resource in ("acr", "keyvault", "keyvault secret set", "network vnet", "postgres flexible-server", "aks"):
        assert f"az {resource} {'' if resource.endswith('set') else 'create'}".strip() in made
    assert "databricks service-principals create" in made


def test_what_is_there_is_left_as_it_is(calls: dict[bool, list[str]]) -> None:
    """A second password, cluster or federation would lock out what runs."""
    again = [call for call in calls[True] if " create " in call or " secret set " in call]
    assert [call for call in again if not call.startswith((*AGAIN, "kubectl create"))] == []


def test_the_nodes_have_room_for_what_the_queue_starts(calls: dict[bool, list[str]]) -> None:
    """A run that finds none for five minutes is failed."""
    folder = guide.ROOT / "deploy" / "kubernetes"
    dagster = yaml.safe_load((folder / "dagster-values.yaml").read_text())
    template = re.sub(r"\$\{\w+\}", "x", (folder / "code-location-values.yaml.template").read_text())
    [code_server] = yaml.safe_load(template)["deployments"]
    limits = dagster["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]["config"]
    asked = sum(_memory(dagster[service]) for service in ("dagsterWebserver", "dagsterDaemon"))
    asked += (1 + limits["max_concurrent_runs"]) * _memory(code_server)
    clusters = [call for call in calls[False] if call.startswith("az aks create")]
    assert len(clusters) == 2
    for call in clusters:
        count, size = (re.findall(rf"--node-{option} (\S+)", call)[0] for option in ("count", "vm-size"))
        assert int(count) * POD_MEMORY[size] >= asked


def _memory(service: dict[str, Any]) -> float:
    """GiB that its pod asks for."""
    said = service["resources"]["requests"]["memory"]
    return float(said[:-2]) / {"Gi": 1, "Mi": 1024}[said[-2:]]


@pytest.mark.parametrize("exists", [False, True])
def test_kubectl_changes_what_is_there(calls: dict[bool, list[str]], exists: bool) -> None:
    of_kubectl = [call for call in calls[exists] if call.startswith("kubectl create")]
    assert len(of_kubectl) >= 7
    assert all("--dry-run=client" in call for call in of_kubectl)
    assert calls[exists].count("kubectl apply --filename -") == len(of_kubectl)


def test_no_password_is_an_argument(tmp_path: Path, calls: dict[bool, list[str]]) -> None:
    """Other users of the machine can read arguments. The Azure CLI reads those that are @- from its standard input."""
    later, _ = guide.run(tmp_path, "\n".join([guide.pasted(), *guide.further_commands()]), exists=True)
    every = [*calls[False], *calls[True], *(" ".join(call) for call in later)]
    assert not [call for call in every if "a-secret-value" in call]
    given = [call for call in every if re.search(r"--(admin-password|value|password)\b", call)]
    assert {call.split()[3] for call in given} == {"set", "create", "update"}
    assert all(re.search(r"--(admin-password|value) @-( |$)", call) for call in given)
    secrets = [call for call in calls[False] if call.startswith("kubectl create secret")]
    assert secrets
    assert all("--from-literal" not in call and "=/dev/stdin" in call for call in secrets)


def test_a_vault_that_still_refuses_makes_no_database_without_a_password(tmp_path: Path) -> None:
    """A right takes minutes until it holds."""
    refuses = 'az() { [[ "$*" != "keyvault secret"* ]] && command az "$@"; }\n'
    made, _ = guide.run(tmp_path, refuses + guide.pasted().partition("## 2")[0], exists=False)
    assert ["az", "aks", "create"] in [call[:3] for call in made]
    assert ["az", "postgres", "flexible-server", "create"] not in [call[:4] for call in made]


def test_tools_that_can_not_be_had_are_said_and_fail_nothing(tmp_path: Path) -> None:
    """Here none can: there is no Python that makes an environment, and Helm and the Azure CLI are not there."""
    asked, said = guide.run(tmp_path, "python3() { false; }; export -f python3; scripts/install_deploy_tools.sh", True)
    assert asked == []
    missing = [line.partition(" can't be had")[0] for line in said.splitlines() if "can't be had" in line]
    assert missing == ["azure_cli", "devops_extension", "helm", "charts"]
