"""scripts/deploy_code_location.sh for its three kinds, and the files of deploy/ that it applies."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config_schema
from dagster._core.workspace.load import location_origins_from_config
from dagster_cloud_cli.config.models import DagsterCloudYaml

from mlops_core.defs.alerts import CHANNELS
from my_mlops_stacks_tests.deploy import dockerfile
from my_mlops_stacks_tests.deploy.conftest import ROOT, Shell
from my_mlops_stacks_tests.repository import files_under

IMAGE = f"registry.example.com:5000/my_mlops_stacks@sha256:{'0' * 64}"
PLUS = {"DAGSTER_CLOUD_ORGANIZATION": "acme", "DAGSTER_CLOUD_API_TOKEN": "agent:acme:0123"}
PROJECT = ("--project", "my_mlops_stacks")
TOKEN_FILE = "/var/run/secrets/databricks/token"
PROFILES = "/etc/databricks/databrickscfg"


def deploy(shell: Shell, *arguments: str, image: str = IMAGE, **variables: str) -> subprocess.CompletedProcess[str]:
    return shell.run("deploy_code_location.sh", *PROJECT, "--image", image, *arguments, **variables)


def test_kubernetes_is_the_default_and_gets_its_values_in_a_file(shell: Shell) -> None:
    done = deploy(shell, "--target", "staging")
    assert done.returncode == 0, done.stderr
    looked, upgraded = shell.calls
    assert looked[:3] == ["kubectl", "get", "configmap"]
    assert upgraded[:5] == ["helm", "upgrade", "my-mlops-stacks", "dagster-user-deployments", "--install"]
    assert upgraded[upgraded.index("--namespace") + 1] == "dagster-staging"
    assert {"--atomic", "--wait"} <= set(upgraded)
    assert not [word for word in upgraded if word.startswith("--set")]


def test_the_chart_is_pinned_to_the_version_of_dagster(shell: Shell) -> None:
    deploy(shell, "--target", "staging")
    version = shell.calls[1][shell.calls[1].index("--version") + 1]
    [floor] = re.findall(r"^    dagster>=(\d+\.\d+)", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert re.fullmatch(rf"{re.escape(floor)}\.\d+", version)


def test_a_second_project_has_a_code_server_and_names_of_its_own(shell: Shell, tmp_path: Path) -> None:
    """Of each kind, from the same files; Kubernetes takes no underscore."""
    shell.root = tmp_path / "repository"
    for folder in ("scripts", "deploy"):
        shutil.copytree(ROOT / folder, shell.root / folder)
    (shell.root / "late_flights").mkdir()
    image = f"registry.example.com/late_flights@sha256:{'0' * 64}"
    (shell.root / "late_flights" / "databricks.yml").write_text("bundle: {name: late_flights}\n")
    for kind in ("kubernetes", "dagster-plus", "compose"):
        arguments = ("--project", "late_flights", "--kind", kind, "--target", "prod", "--image", image)
        done = shell.run("deploy_code_location.sh", *arguments, **PLUS)
        assert done.returncode == 0, done.stderr
    config_map, helm, plus, compose = shell.calls
    assert config_map[3] == "late-flights-env"
    assert helm[2] == "late-flights"
    assert plus[3] == "late_flights"
    assert compose[compose.index("--project-name") + 1] == "late-flights-prod"
    for given in (shell.given("helm"), shell.given("dagster-cloud")):
        assert "late-flights" in str(given)
        assert "stacks" not in str(given)
    assert shell.given("helm")["deployments"][0]["dagsterApiGrpcArgs"][1] == "late_flights.definitions"


def test_the_code_server_runs_the_image_as_it_was_named(shell: Shell) -> None:
    deploy(shell, "--target", "prod")
    [deployment] = shell.given("helm")["deployments"]
    assert f"{deployment['image']['repository']}:{deployment['image']['tag']}" == IMAGE  # as the chart writes it
    command = dockerfile.last(ROOT / "Dockerfile", "CMD").words
    assert deployment["dagsterApiGrpcArgs"] == ["--module-name", "my_mlops_stacks.definitions"]
    assert command[-1].endswith(f"--port {deployment['port']} --module-name $MLOPS_PROJECT.definitions")
    assert deployment["podSecurityContext"]["runAsUser"] == int(dockerfile.last(ROOT / "Dockerfile", "USER").text)


def test_databricks_is_reached_with_a_token_that_kubernetes_projects(shell: Shell) -> None:
    deploy(shell, "--target", "prod", TOKEN_AUDIENCE="acme")
    [deployment] = shell.given("helm")["deployments"]
    variables = {variable["name"]: variable["value"] for variable in deployment["env"] if "value" in variable}
    assert variables == {
        "MLOPS_TARGET": "prod",
        "DATABRICKS_AUTH_TYPE": "file-oidc",
        "DATABRICKS_OIDC_TOKEN_FILE": TOKEN_FILE,
        "DATABRICKS_CONFIG_FILE": PROFILES,
    }
    _is_projected(deployment["volumes"], deployment["volumeMounts"], "acme")
    _has_profiles(deployment["volumes"], deployment["volumeMounts"])


def test_a_code_server_sees_the_deployed_instance_on_kubernetes(shell: Shell) -> None:
    """Its commands read runs and tables' histories there; the image itself has the instance of docker compose."""
    deploy(shell, "--target", "prod")
    [deployment] = shell.given("helm")["deployments"]
    home = re.search(r"DAGSTER_HOME=(\S+)", dockerfile.last(ROOT / "Dockerfile", "ENV").text)
    assert home
    mounted = {mount["mountPath"]: mount for mount in deployment["volumeMounts"]}[f"{home[1]}/dagster.yaml"]
    [volume] = [volume for volume in deployment["volumes"] if volume["name"] == mounted["name"]]
    assert (volume["configMap"], mounted["subPath"]) == ({"name": "dagster-instance"}, "dagster.yaml")


def test_a_namespace_without_its_config_map_is_said_before_anything_is_changed(shell: Shell) -> None:
    shell.let_fail("kubectl")
    refused = deploy(shell, "--target", "staging", KUBERNETES_NAMESPACE="mlops")
    assert refused.returncode == 1
    assert "The namespace mlops has no ConfigMap my-mlops-stacks-env" in refused.stderr
    assert "helm" not in {call[0] for call in shell.calls}


def test_a_failed_upgrade_fails_the_pipeline(shell: Shell) -> None:
    shell.let_fail("helm")
    assert deploy(shell, "--target", "staging").returncode == 1


def test_dagster_plus_is_told_which_deployment(shell: Shell) -> None:
    done = deploy(shell, "--kind", "dagster-plus", "--target", "staging", **PLUS)
    assert done.returncode == 0, done.stderr
    [call] = shell.calls
    assert call[:4] == ["dagster-cloud", "deployment", "add-location", "my_mlops_stacks"]
    said = dict(zip(call[4::2], call[5::2], strict=True))
    assert (said["--deployment"], said["--organization"], said["--image"]) == ("staging", "acme", IMAGE)
    assert PLUS["DAGSTER_CLOUD_API_TOKEN"] not in call  # other users of the machine can read arguments


def test_dagster_plus_knows_the_options_and_the_file(shell: Shell) -> None:
    deploy(shell, "--kind", "dagster-plus", "--target", "prod", **PLUS)
    program = str(Path(sys.executable).with_name("dagster-cloud"))
    shown = subprocess.run(
        [program, "deployment", "add-location", "--help"], check=True, capture_output=True, text=True
    )
    for option in shell.calls[0][4::2]:
        assert option in shown.stdout
    [location] = DagsterCloudYaml.model_validate(shell.given("dagster-cloud")).locations
    assert location.container_context
    pod = location.container_context["k8s"]
    assert f"DATABRICKS_OIDC_TOKEN_FILE={TOKEN_FILE}" in pod["env_vars"]
    assert "MLOPS_TARGET=prod" in pod["env_vars"]
    _is_projected(pod["volumes"], pod["volume_mounts"], "databricks")
    assert f"DATABRICKS_CONFIG_FILE={PROFILES}" in pod["env_vars"]
    _has_profiles(pod["volumes"], [_camel(mount) for mount in pod["volume_mounts"]])


@pytest.mark.parametrize("missing", sorted(PLUS))
def test_dagster_plus_without_its_variables_is_said(shell: Shell, missing: str) -> None:
    given = {name: value for name, value in PLUS.items() if name != missing}
    refused = deploy(shell, "--kind", "dagster-plus", "--target", "prod", **given)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"Set {missing}")
    assert not shell.calls


def test_a_variable_that_no_group_defines_is_said_before_anything_is_changed(shell: Shell) -> None:
    """Azure passes it on as it is written in the pipeline."""
    refused = deploy(shell, "--kind", "compose", "--target", "prod", DAGSTER_PG_PASSWORD="$(DAGSTER_PG_PASSWORD)")
    assert refused.returncode == 1
    assert refused.stderr.startswith("No value reached DAGSTER_PG_PASSWORD: define it in the variable group")
    assert not shell.calls


CHANNEL_VARIABLES = {variable for variables in CHANNELS.values() for variable in variables}


def test_pods_get_what_a_channel_needs_of_one_secret_and_start_without_it(shell: Shell) -> None:
    """By both templates: the chart's, and that of Dagster+."""
    deploy(shell, "--target", "prod")
    deploy(shell, "--kind", "dagster-plus", "--target", "prod", **PLUS)
    [location] = DagsterCloudYaml.model_validate(shell.given("dagster-cloud")).locations
    assert location.container_context
    for variables in (shell.given("helm")["deployments"][0]["env"], location.container_context["k8s"]["env"]):
        secrets = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in variables if "valueFrom" in each}
        assert secrets == {
            name: {"name": "my-mlops-stacks-alerts", "key": name, "optional": True} for name in CHANNEL_VARIABLES
        }


def test_compose_passes_on_what_a_channel_needs_and_is_deployed_without_it(shell: Shell) -> None:
    """An undefined variable reaches the script as Azure found it written."""
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    assert set(services["code-location"]["environment"]) >= CHANNEL_VARIABLES
    undefined = {name: f"$({name})" for name in ("ALERT_TEAMS_WEBHOOK_URL", "ALERT_EMAIL_PASSWORD")}
    done = deploy(shell, "--kind", "compose", "--target", "staging", **undefined)
    assert done.returncode == 0, done.stderr
    assert not CHANNEL_VARIABLES & set(shell.environment_of("docker"))


@pytest.mark.parametrize("page", ["docs/mlops-setup.md", "scripts/validate_definitions.sh"])
def test_what_a_channel_needs_is_named(page: str) -> None:
    if not (ROOT / page).exists():
        pytest.skip("the guide is that of the repository's first project")
    text = (ROOT / page).read_text()
    assert [name for name in sorted(CHANNEL_VARIABLES) if name not in text] == []


def test_compose_starts_the_image_and_waits_for_its_health(shell: Shell) -> None:
    done = deploy(shell, "--kind", "compose", "--target", "staging")
    assert done.returncode == 0, done.stderr
    [call] = shell.calls
    assert call[1:4] == ["compose", "--file", "deploy/compose.yaml"]
    assert {"up", "--detach", "--wait"} <= set(call)
    assert shell.environment_of("docker") == {
        "IMAGE": IMAGE,
        "MLOPS_TARGET": "staging",
        "MLOPS_PROJECT": "my_mlops_stacks",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--image", IMAGE, "--target", "prod"), "The project is ''"),
        (("--project", "docs", "--image", IMAGE, "--target", "prod"), "The project is 'docs'"),
        ((*PROJECT, "--image", IMAGE), "The target is ''"),
        ((*PROJECT, "--image", IMAGE, "--target", "dev"), "choose staging or prod"),
        ((*PROJECT, "--target", "prod"), "The image is ''"),
        *(
            (
                (*PROJECT, "--target", "prod", "--image", f"registry.example.com:5000/my_mlops_stacks{tag}"),
                "with its digest",
            )
            for tag in ("", ":main", ":v1", f":{'0' * 40}", "@sha256:0123")
        ),
        (
            (*PROJECT, "--target", "prod", "--image", IMAGE, "--kind", "swarm"),
            "choose kubernetes, dagster-plus or compose",
        ),
        (("--target", "prod", "--image"), "--image needs a value"),
        (("--to", "prod"), "--to is unknown"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence(shell: Shell, arguments: tuple[str, ...], sentence: str) -> None:
    refused = shell.run("deploy_code_location.sh", *arguments)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert not shell.calls


def test_the_compose_file_is_valid_and_closed_to_the_network() -> None:
    file = ROOT / "deploy" / "compose.yaml"
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", str(file)], check=True)
    services = yaml.safe_load(file.read_text())["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert all("/var/run/docker.sock" not in str(service) for service in services.values())
    server = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())["load_from"][0]["grpc_server"]
    assert server["host"] in services
    assert server["location_name"] == {"env": "MLOPS_PROJECT"}
    assert str(server["port"]) == dockerfile.last(ROOT / "Dockerfile", "EXPOSE").text


def test_the_webserver_of_compose_calls_the_code_location_as_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_PROJECT", "late_flights")
    file = ROOT / "deploy" / "workspace.yaml"
    assert list(location_origins_from_config(yaml.safe_load(file.read_text()), str(file))) == ["late_flights"]


def test_a_deployed_webserver_is_the_images(shell: Shell) -> None:
    """Which has a guard (test_image.py), and is told by which names people reach it."""
    values = yaml.safe_load(VALUES.read_text())["dagsterWebserver"]
    assert "/" not in values["image"]["repository"]  # no image has this name: whoever installs the chart says ours
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["webserver"]
    assert compose["image"].startswith("${IMAGE:") and compose["command"][0] == "dagster-webserver"
    assert {"DAGSTER_WEBSERVER_URL", "DAGSTER_WEBSERVER_ALLOWED_HOSTS"} <= set(compose["environment"])
    page = (ROOT / "docs" / "deployment.md").read_text()
    assert "--set dagsterWebserver.image.repository=" in page and "--set-string dagsterWebserver.image.tag=" in page


def test_compose_gives_the_code_location_the_token_that_it_makes() -> None:
    services = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]
    maker, user = services["machine-token"], services["code-location"]
    assert maker["environment"]["DATABRICKS_OIDC_TOKEN_FILE"] == user["environment"]["DATABRICKS_OIDC_TOKEN_FILE"]
    assert f"{maker['volumes'][0]}:ro" in user["volumes"]
    assert user["environment"]["DATABRICKS_AUTH_TYPE"] == "file-oidc"


VALUES = ROOT / "deploy" / "kubernetes" / "dagster-values.yaml"


def test_the_instance_on_kubernetes_is_that_of_compose() -> None:
    """The chart's `additionalInstanceConfig` is put into dagster.yaml as it is."""
    values = yaml.safe_load(VALUES.read_text())
    compose = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())
    added = values["additionalInstanceConfig"]
    assert set(added) <= set(dagster_instance_config_schema())
    assert added["run_monitoring"].pop("max_resume_run_attempts") > 0
    assert added == {section: compose[section] for section in added}
    logs = values["computeLogManager"]["config"]["customComputeLogManager"]
    assert logs == compose["compute_logs"]
    assert values["postgresql"]["postgresqlScheme"] == compose["storage"]["postgres"]["postgres_db"]["scheme"]


def test_limits_stand_where_the_chart_writes_limits() -> None:
    """It always writes `max_concurrent_runs` for the coordinator, beside which Dagster takes no `concurrency.runs`."""
    values = yaml.safe_load(VALUES.read_text())
    assert "concurrency" not in {**values, **values["additionalInstanceConfig"]}
    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["customRunCoordinator"]["config"]
    assert queue == yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())["concurrency"]["runs"]


def test_every_pod_runs_as_the_images_user_and_with_nothing_more(shell: Shell) -> None:
    deploy(shell, "--target", "prod")
    values = yaml.safe_load(VALUES.read_text())
    launcher = values["runLauncher"]["config"]["k8sRunLauncher"]
    runs = {
        "podSecurityContext": launcher["runK8sConfig"]["podSpecConfig"]["securityContext"],
        "securityContext": launcher["securityContext"],
    }
    user = int(dockerfile.last(ROOT / "Dockerfile", "USER").text)
    pod = {"runAsNonRoot": True, **dict.fromkeys(("runAsUser", "runAsGroup", "fsGroup"), user)}
    for given in (values["dagsterWebserver"], values["dagsterDaemon"], runs, shell.given("helm")["deployments"][0]):
        assert given["podSecurityContext"] == {**pod, "seccompProfile": {"type": "RuntimeDefault"}}
        assert given["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert values["dagsterWebserver"]["service"]["port"] > 1023  # below, a port is root's


def test_pods_of_dagster_plus_are_the_same(shell: Shell) -> None:
    deploy(shell, "--target", "prod")
    deploy(shell, "--kind", "dagster-plus", "--target", "prod", **PLUS)
    [location] = shell.given("dagster-cloud")["locations"]
    [deployment] = shell.given("helm")["deployments"]
    for name in ("server_k8s_config", "run_k8s_config"):
        config = location["container_context"]["k8s"][name]
        assert _camel(config["pod_spec_config"]["security_context"]) == deployment["podSecurityContext"]
        assert _camel(config["container_config"]["security_context"]) == deployment["securityContext"]


def test_a_code_location_asks_for_no_role_and_is_reached_by_dagster_alone(shell: Shell) -> None:
    """The pipeline's identity, RBAC Writer, may make a NetworkPolicy and no Role."""
    deploy(shell, "--target", "prod")
    values = shell.given("helm")
    assert values["rbacEnabled"] is False
    [policy] = values["extraManifests"]
    [deployment] = values["deployments"]
    assert policy["kind"] == "NetworkPolicy"
    assert policy["spec"]["podSelector"]["matchLabels"]["deployment"] == deployment["name"]
    [rule] = policy["spec"]["ingress"]
    assert rule["ports"] == [{"port": deployment["port"]}]


def test_every_image_that_is_not_ours_is_pinned_by_digest() -> None:
    image = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["postgres"]["image"]
    assert re.fullmatch(r"postgres:[\d.]+-\w+@sha256:[0-9a-f]{64}", image)
    assert yaml.safe_load(VALUES.read_text())["postgresql"]["image"]["tag"] == image.removeprefix("postgres:")


def test_the_webserver_on_kubernetes_finds_the_code_location(shell: Shell) -> None:
    deploy(shell, "--target", "staging")
    [deployment] = shell.given("helm")["deployments"]  # the chart names the service like the deployment
    values = yaml.safe_load(VALUES.read_text())
    [server] = values["dagsterWebserver"]["workspace"]["servers"]
    assert (server["host"], server["port"]) == (deployment["name"], deployment["port"])
    assert values["global"]["postgresqlSecretName"] == shell.given("helm")["postgresqlSecretName"]


def test_scripts_pass_shellcheck() -> None:
    scripts = [*map(str, files_under("scripts", ".sh")), str(Path(__file__).with_name("stub_program.sh"))]
    subprocess.run([str(Path(sys.executable).with_name("shellcheck")), *scripts], check=True)


def _camel(settings: dict) -> dict:
    return {re.sub("_([a-z])", lambda found: found[1].upper(), key): value for key, value in settings.items()}


def _has_profiles(volumes: list[dict], mounts: list[dict]) -> None:
    """The file of the ConfigMap that docs/promotion.md makes is where DATABRICKS_CONFIG_FILE says, if it was made."""
    [volume] = [volume for volume in volumes if volume["name"] == "databricks-profiles"]
    [mount] = [mount for mount in mounts if mount["name"] == volume["name"]]
    assert volume["configMap"] == {"name": "my-mlops-stacks-profiles", "optional": True}
    assert "ensure configmap $SLUG-profiles" in (page := (ROOT / "docs" / "promotion.md").read_text())
    assert f"--from-file={PROFILES.removeprefix(mount['mountPath'] + '/')}=/dev/stdin" in page


def _is_projected(volumes: list[dict], mounts: list[dict], audience: str) -> None:
    """The token of the service account is where DATABRICKS_OIDC_TOKEN_FILE says, for this audience alone."""
    [volume] = [volume for volume in volumes if "projected" in volume]
    [mount] = [mount for mount in mounts if mount["name"] == volume["name"]]
    [source] = volume["projected"]["sources"]
    assert f"{mount['mountPath']}/{source['serviceAccountToken']['path']}" == TOKEN_FILE
    assert source["serviceAccountToken"]["audience"] == audience
    assert mount["readOnly"]
