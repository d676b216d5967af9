"""What the real Helm makes of deploy/kubernetes with Dagster's charts: manifests, and the instance in them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef

from mlops_core.cli.run_coordinator import SignedInRunCoordinator
from mlops_core.defs.alerts import CHANNELS
from my_mlops_stacks_tests.deploy import real_tools
from my_mlops_stacks_tests.deploy.conftest import ROOT, Shell

pytestmark = pytest.mark.slow
NAMESPACE = "dagster-staging"
IMAGE = f"registry.example.com/my_mlops_stacks@sha256:{'0' * 64}"


@dataclass(frozen=True)
class Rendered:
    """The manifests of both releases; each is a mapping as Kubernetes takes it."""

    dagster: list[dict[str, Any]]
    code_location: list[dict[str, Any]]

    def pods(self) -> dict[str, dict[str, Any]]:
        """The name of a deployment -> the template of its pods."""
        everything = [*self.dagster, *self.code_location]
        return {each["metadata"]["name"]: each["spec"]["template"] for each in _of(everything, "Deployment")}


@pytest.fixture
def rendered(shell: Shell) -> Rendered:
    """As docs/deployment.md installs Dagster, and as the script deploys; the schemas lie elsewhere in part."""
    charts = real_tools.charts() / "dagster"
    image = ("--image", IMAGE, "--target", "staging", "--project", "my_mlops_stacks")
    deployed = shell.run("deploy_code_location.sh", *image)
    assert deployed.returncode == 0, deployed.stderr
    repository, tag = IMAGE.split(":")
    values = {"postgresql.postgresqlHost": "db.example.com"}
    for service in ("dagsterWebserver", "dagsterDaemon"):
        values |= {f"{service}.image.repository": repository, f"{service}.image.tag": tag}
    settings = [f"--set-string={name}={value}" for name, value in values.items()]
    return Rendered(
        _template("dagster", charts, ROOT / "deploy" / "kubernetes" / "dagster-values.yaml", *settings),
        _template("my-mlops-stacks", charts / "charts" / "dagster-user-deployments", shell.notes / "helm.yaml"),
    )


def test_dagster_takes_its_instance_and_limits_its_runs(
    rendered: Rendered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The configuration code of Dagster judges, which refuses what the schema of the values takes."""
    [instance] = [each for each in _of(rendered.dagster, "ConfigMap") if "dagster.yaml" in each["data"]]
    assert instance["metadata"]["name"] == "dagster-instance"  # which the code server mounts
    (tmp_path / "dagster.yaml").write_text(instance["data"]["dagster.yaml"])
    monkeypatch.setenv("DAGSTER_PG_PASSWORD", "unused")
    settings, _ = dagster_instance_config(str(tmp_path))
    assert settings["run_retries"] == {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}
    assert settings["run_monitoring"]["max_runtime_seconds"] == 43200
    coordinator = InstanceRef.from_dir(str(tmp_path)).run_coordinator
    assert isinstance(coordinator, SignedInRunCoordinator)
    queue = coordinator.get_run_queue_config()
    assert queue.max_concurrent_runs == 10
    limits = {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits}
    assert limits == {"databricks/cluster": 4, "dagster/backfill": 2}


def test_pods_are_nobodys_and_only_dagster_itself_may_start_some(rendered: Rendered) -> None:
    assert len(rendered.pods()) == 3
    for name, template in rendered.pods().items():
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert all("memory" in container["resources"]["requests"] for container in pod["containers"]), name
        for container in (*pod["containers"], *pod.get("initContainers", ())):
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
    assert not {"Role", "RoleBinding", "ServiceAccount"} & {each["kind"] for each in rendered.code_location}
    assert [each["kind"] for each in rendered.dagster if each["kind"].startswith("Role")] == ["Role", "RoleBinding"]


def test_only_webserver_and_daemon_reach_the_code_server(rendered: Rendered) -> None:
    [policy] = _of(rendered.code_location, "NetworkPolicy")
    labels = {name: template["metadata"]["labels"] for name, template in rendered.pods().items()}
    selected = policy["spec"]["podSelector"]["matchLabels"].items()
    [rule] = policy["spec"]["ingress"]
    [allowed] = rule["from"][0]["podSelector"]["matchExpressions"]
    assert [name for name in labels if selected <= labels[name].items()] == [
        "my-mlops-stacks-dagster-user-deployments-my-mlops-stacks"
    ]
    assert {name for name in labels if labels[name][allowed["key"]] in allowed["values"]} == {
        "dagster-dagster-webserver",
        "dagster-daemon",
    }
    [service] = _of(rendered.code_location, "Service")
    [server] = yaml.safe_load(_of_name(rendered.dagster, "dagster-workspace-yaml")["data"]["workspace.yaml"])[
        "load_from"
    ]
    assert server["grpc_server"]["host"] == service["metadata"]["name"]


def test_the_webserver_is_reached_where_it_listens(rendered: Rendered) -> None:
    [service] = _of(rendered.dagster, "Service")
    [container] = rendered.pods()["dagster-dagster-webserver"]["spec"]["containers"]
    [port] = container["ports"]
    assert (
        port["containerPort"] == service["spec"]["ports"][0]["port"] == container["readinessProbe"]["httpGet"]["port"]
    )
    assert f"-p {port['containerPort']}" in container["command"][-1]
    assert container["command"][-1].startswith("dagster-webserver ")  # the guarded one, in this image
    assert container["image"] == IMAGE
    [secret] = [each for each in container["env"] if each["name"] == "DAGSTER_SIGN_IN_SECRET"]
    assert secret["valueFrom"]["secretKeyRef"] == {"name": "dagster-sign-in", "key": "secret", "optional": True}
    [daemon] = rendered.pods()["dagster-daemon"]["spec"]["containers"]
    assert daemon["image"] == IMAGE  # which has the queue of the instance


def test_a_code_server_and_its_runs_get_the_secrets_of_alerts(rendered: Rendered) -> None:
    [container] = rendered.pods()["my-mlops-stacks-dagster-user-deployments-my-mlops-stacks"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}
    context = yaml.safe_load(variables["DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"]["value"])["k8s"]
    assert variables["DAGSTER_CURRENT_IMAGE"]["value"] == IMAGE  # which runs get, by its digest too
    needed = {variable for channel in CHANNELS.values() for variable in channel}
    assert needed <= set(variables)
    assert needed <= {each["name"] for each in context["env"]}


def test_helm_knows_what_the_script_asks(shell: Shell) -> None:
    """Asked without release and chart, it reads its flags and does nothing."""
    shell.run("deploy_code_location.sh", "--image", IMAGE, "--target", "staging", "--project", "my_mlops_stacks")
    [helm] = [call for call in shell.calls if call[0] == "helm"]
    assert helm[1] == "upgrade"
    asked = subprocess.run([real_tools.helm(), "upgrade", *helm[4:]], capture_output=True, text=True, check=False)
    assert '"helm upgrade" requires 2 arguments' in asked.stderr


def _template(release: str, chart: Path, values: Path, *arguments: str) -> list[dict[str, Any]]:
    command = [real_tools.helm(), "template", release, str(chart), "--namespace", NAMESPACE, "--values", str(values)]
    done = subprocess.run(
        [*command, "--skip-schema-validation", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def _of(manifests: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in manifests if each["kind"] == kind]


def _of_name(manifests: list[dict[str, Any]], name: str) -> dict[str, Any]:
    [found] = [each for each in manifests if each["metadata"]["name"] == name]
    return found
