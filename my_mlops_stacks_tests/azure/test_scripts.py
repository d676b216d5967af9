"""What the pipelines' scripts call, with which arguments; the tools themselves only record it."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest

from mlops_core.cli import COMMANDS
from my_mlops_stacks_tests.azure.cases import cases
from my_mlops_stacks_tests.azure.conftest import Tools
from my_mlops_stacks_tests.azure.graph import jobs
from my_mlops_stacks_tests.azure.rendering import render
from my_mlops_stacks_tests.azure.rules import MACRO, PIPED_TO_A_SHELL, SECRET
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files_under
from my_mlops_stacks_tests.test_secrets import ASKED_FOR

PIPELINES = ROOT / ".azure" / "devops-pipelines"
SCRIPTS = files_under("scripts", ".sh")


def test_shellcheck_has_nothing_to_say() -> None:
    shellcheck = shutil.which("shellcheck", path=ROOT / ".venv" / "bin") or "shellcheck"
    checked = subprocess.run([shellcheck, *SCRIPTS], capture_output=True, text=True, check=False)
    assert checked.stdout == ""


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_holds_no_secret_and_runs_no_download(script: Path) -> None:
    text = script.read_text()
    assert not SECRET.search(text)
    assert not PIPED_TO_A_SHELL.search(text)
    assert "set -euo pipefail" in text
    assert script.stat().st_mode & 0o111


def commands_of(page: str) -> list[str]:
    """The blocks of a page that the reader pastes into a shell; those of a list are indented."""
    text = (ROOT / "docs" / page).read_text()
    return [textwrap.dedent(block) for block in re.findall(r"^ *```bash\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)]


def test_the_commands_of_the_guide_are_sound_bash(tmp_path: Path) -> None:
    """One shell takes all of them, in order, and then those of Kubernetes: no name is used before it is set."""
    guide, kubernetes = commands_of("mlops-setup.md"), commands_of("deployment.md")
    assert (len(guide) > 8, len(kubernetes)) == (True, 7)
    pasted = tmp_path / "guide.sh"
    pasted.write_text("#!/bin/bash\n" + "\n".join([*guide, *kubernetes, *commands_of("promotion.md")]))
    shellcheck = shutil.which("shellcheck", path=ROOT / ".venv" / "bin") or "shellcheck"
    # What the reader exports is one word each, and a line of a guide needs no `|| exit`.
    command = [shellcheck, "--exclude", "SC2086,SC2164", pasted]
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == ""
    assert not ASKED_FOR.search(pasted.read_text())
    for used in re.finditer(r"\$\{?([A-Z_]+)\b", pasted.read_text()):  # shellcheck takes these for the environment's
        assert used[1] == "HOME" or re.search(rf"\b{used[1]}=", pasted.read_text()[: used.start()]), used[1]


def test_the_guide_names_what_compose_cannot_do_without() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", (ROOT / "deploy" / "compose.yaml").read_text()))
    (row,) = [line for line in (ROOT / "docs" / "mlops-setup.md").read_text().splitlines() if "| `compose-" in line]
    assert {"DAGSTER_PG_PASSWORD", "AZURE_CLIENT_ID"} < required
    assert required - {"IMAGE", "MLOPS_TARGET", "MLOPS_PROJECT"} <= set(
        re.findall(r"`(\w+)`", row)
    )  # the script says those


def test_every_script_that_a_pipeline_calls_is_here() -> None:
    pipelines = [case.rendered() for case in cases(PIPELINES)]
    commands = [command for pipeline in pipelines for job in jobs(pipeline) for _, command in job.commands()]
    called = {name for command in commands for name in re.findall(r"scripts/\w+\.sh", command)}
    assert {"scripts/bundle.sh", "scripts/image_of_commit.sh", "scripts/deploy_code_location.sh"} < called
    assert [name for name in sorted(called) if not (ROOT / name).exists()] == []


def test_every_command_of_the_project_that_a_pipeline_calls_exists() -> None:
    pipelines = [case.rendered() for case in cases(PIPELINES)]
    commands = [command for pipeline in pipelines for job in jobs(pipeline) for _, command in job.commands()]
    called = {found for command in commands for found in re.findall(r"python -m (\w\S*) (\S+)", command)}
    assert {("my_mlops_stacks", "doctor"), ("my_mlops_stacks", "integration")} <= called
    assert {name for package, name in called if package == "my_mlops_stacks"} <= set(COMMANDS)
    assert {package for package, _ in called} <= {"my_mlops_stacks", "cicd"}


@pytest.mark.parametrize(
    ("kind", "tool"), [("kubernetes", "helm"), ("dagster-plus", "dagster-cloud"), ("compose", "docker")]
)
def test_the_command_of_the_pipeline_deploys(project: Path, tools: Tools, tmp_path: Path, kind: str, tool: str) -> None:
    """The line of the rendered pipeline as it stands, by the script that deploys, in the environment of that step."""
    shutil.copytree(ROOT / "deploy", project / "deploy")
    pipeline = render(PIPELINES / "my_mlops_stacks-code-location-cicd.yml", {"deploymentKind": kind})
    steps = [found for job in jobs(pipeline) for found in job.commands() if "deploy_code_location" in found[1]]
    reference = f"mlopsregistry.azurecr.io/my_mlops_stacks@sha256:{'a' * 64}"
    tools.add("helm", "kubectl", "docker", "dagster-cloud")
    for step, command in steps:
        line = tmp_path / "line.sh"
        line.write_text(f"cd {project}\n{command.replace('$(image)', reference)}\n")
        given = {name: MACRO.sub("of the group", value) for name, value in step["env"].items()}
        done = tools.run(line, **given, DAGSTER_CLOUD_ORGANIZATION="acme", DAGSTER_LOG_STORAGE_ACCOUNT="x")
        assert done.returncode == 0, done.stderr
    assert len([call for call in tools.calls() if call[0] == tool]) == len(steps) == 2


@pytest.mark.parametrize(
    ("arguments", "call"),
    [
        (["my_mlops_stacks", "validate", "prod"], ["bundle", "validate", "--target", "prod"]),
        (["my_mlops_stacks", "deploy", "test"], ["bundle", "deploy", "--target", "test"]),
        (["churn", "destroy", "test"], ["bundle", "destroy", "--target", "test", "--auto-approve"]),
    ],
)
def test_what_the_databricks_cli_is_asked(project: Path, tools: Tools, arguments: list[str], call: list[str]) -> None:
    tools.add("databricks")
    done = tools.run(project / "scripts" / "bundle.sh", *arguments)
    assert done.returncode == 0, done.stderr
    assert tools.calls() == [["databricks", *call]]


@pytest.mark.parametrize("nobody", ["00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"])
def test_prod_is_neither_planned_nor_deployed_before_somebody_is_named(
    project: Path, tools: Tools, tmp_path: Path, nobody: str
) -> None:
    """As a new project stands, and the example."""
    tools.add("databricks")
    (project / "churn" / "databricks.yml").write_text(f"    permissions:\n      - service_principal_name: {nobody}\n")
    for verb in ("validate", "plan", "deploy"):
        done = tools.run(project / "scripts" / "bundle.sh", "churn", verb, "prod", str(tmp_path / "plan"))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
        assert done.stderr.startswith("churn/databricks.yml names nobody as who deploys and who plans prod")
    assert tools.calls() == []
    assert tools.run(project / "scripts" / "bundle.sh", "churn", "validate", "staging").returncode == 0


def test_a_plan_is_kept_and_shown_on_the_page_of_the_run(project: Path, tools: Tools, tmp_path: Path) -> None:
    tools.add("databricks")
    tools.answer(
        {"databricks bundle plan": "create schemas.schema", "databricks bundle plan --target prod --output": "{}"}
    )
    done = tools.run(project / "scripts" / "bundle.sh", "churn", "plan", "prod", str(tmp_path / "plan"))
    assert (tmp_path / "plan" / "plan.json").read_text() == "{}\n"
    assert "create schemas.schema" in done.stdout
    (summary,) = re.findall(r"##vso\[task.uploadsummary\](.*)", done.stdout)
    assert Path(summary).read_text() == "## Plan of prod\n\n    create schemas.schema\n"


def test_a_plan_that_fails_fails_the_step(project: Path, tools: Tools, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "databricks").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin" / "databricks").chmod(0o755)
    assert tools.run(project / "scripts" / "bundle.sh", "churn", "plan", "prod", str(tmp_path / "plan")).returncode == 3


@pytest.mark.parametrize(
    "arguments",
    [["churn", "destroy", "prod"], ["churn", "deploy"], ["churn", "explode", "test"], ["nobody", "deploy", "test"], []],
)
def test_what_bundle_refuses(project: Path, tools: Tools, arguments: list[str]) -> None:
    tools.add("databricks")
    done = tools.run(project / "scripts" / "bundle.sh", *arguments)
    assert (done.returncode, tools.calls()) == (2, [])
    assert "Only the target test" in done.stderr if "destroy" in arguments else "Name a project" in done.stderr


class Archives:
    """What the tools' releases have, with a stand-in for each program, and a curl that gives it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.of = {name: folder / name for name in ("databricks", "helm", "kubectl", "kubelogin")}
        for name, member in (("databricks", "databricks"), ("kubelogin", "bin/linux_amd64/kubelogin")):
            with zipfile.ZipFile(self.of[name], "w") as archive:
                archive.writestr(member, self._program(name))
        with tarfile.open(self.of["helm"], "w:gz") as archive:
            entry = tarfile.TarInfo("linux-amd64/helm")
            entry.size = len(self._program("helm"))
            archive.addfile(entry, io.BytesIO(self._program("helm")))
        self.of["kubectl"].write_bytes(self._program("kubectl"))
        curl = folder.parent / "bin" / "curl"
        curl.parent.mkdir(exist_ok=True)
        chosen = f'for from in {" ".join(self.of)}; do [[ "$*" != *$from* ]] || break; done'
        copied = f'while [ "$1" != --output ]; do shift; done\ncp "{folder}/$from" "$2"'
        curl.write_text(f"#!/bin/bash\n{chosen}\n{copied}\n")
        curl.chmod(0o755)

    @staticmethod
    def _program(name: str) -> bytes:
        return f"#!/bin/sh\necho {name} $*\n".encode()

    def pin(self, script: Path) -> None:
        """State their checksums in a copy of the script, as a new version does."""
        text = script.read_text()
        for name, archive in self.of.items():
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()
            text, count = re.subn(rf"{name}_sha256=[0-9a-f]{{64}}", f"{name}_sha256={digest}", text)
            assert count == 1
        script.write_text(text)


def test_a_tool_with_another_checksum_is_not_installed(project: Path, tools: Tools, tmp_path: Path) -> None:
    Archives(tmp_path / "archives")
    done = tools.run(project / "scripts" / "install_tools.sh", "databricks", AGENT_TEMPDIRECTORY=str(tmp_path))
    assert done.returncode != 0
    assert "has not the checksum" in done.stderr
    assert not list((tmp_path / "mlops-tools").iterdir())


def test_pinned_tools_are_installed_and_found(project: Path, tools: Tools, tmp_path: Path) -> None:
    script = project / "scripts" / "install_tools.sh"
    Archives(tmp_path / "archives").pin(script)
    names = ("databricks", "helm", "kubectl", "kubelogin")
    done = tools.run(script, *names, AGENT_TEMPDIRECTORY=str(tmp_path))
    assert done.returncode == 0, done.stderr
    (folder,) = re.findall(r"##vso\[task.prependpath\](.*)", done.stdout)
    for name in names:
        assert subprocess.run([Path(folder) / name], capture_output=True, text=True, check=True).stdout == f"{name}\n"


def test_a_tool_without_a_pin_is_refused(project: Path, tools: Tools, tmp_path: Path) -> None:
    done = tools.run(project / "scripts" / "install_tools.sh", "terraform", AGENT_TEMPDIRECTORY=str(tmp_path))
    assert "No version of terraform is pinned" in done.stderr


def test_the_cluster_is_reached_as_the_identity_of_the_pipeline(project: Path, tools: Tools, tmp_path: Path) -> None:
    """By programs of a known checksum."""
    Archives(tmp_path / "archives").pin(project / "scripts" / "install_tools.sh")
    tools.add("az")
    script = project / "scripts" / "sign_in_to_cluster.sh"
    done = tools.run(script, "mlops-prod/dagster", AGENT_TEMPDIRECTORY=str(tmp_path))
    assert done.returncode == 0, done.stderr
    [credentials] = tools.calls()
    assert credentials[:3] == ["az", "aks", "get-credentials"]
    assert credentials[3:] == ["--resource-group", "mlops-prod", "--name", "dagster", "--overwrite-existing"]
    assert done.stdout.splitlines()[-1] == "kubelogin convert-kubeconfig --login azurecli"
    assert f"##vso[task.prependpath]{tmp_path / 'mlops-tools'}" in done.stdout
    assert "as resource-group/cluster, not 'dagster'" in tools.run(script, "dagster").stderr


def test_the_definitions_of_every_target_are_loaded(project: Path, tools: Tools) -> None:
    shutil.copy(ROOT / "my_mlops_stacks" / "databricks.yml", project / "my_mlops_stacks")
    (project / "churn" / "databricks.yml").write_text("targets: {local: {}, prod: {}}\n")
    tools.add("dagster.py", folder=project)  # which python -m finds before the installed one
    (project / ".venv" / "bin").mkdir(parents=True)
    (project / ".venv" / "bin" / "python").symlink_to(ROOT / ".venv" / "bin" / "python")
    done = tools.run(project / "scripts" / "validate_definitions.sh")
    found = re.findall(r"Project (\w+), target (\w+)", done.stdout)
    of_churn = [("churn", target) for target in ("local", "prod")]
    assert found[:2] == of_churn
    assert found[2:] == [("my_mlops_stacks", target) for target in ("local", "dev", "test", "staging", "prod")]
    assert [call[-1] for call in tools.calls()] == [f"{project}.definitions" for project, _ in found]
    done = tools.run(project / "scripts" / "validate_definitions.sh", "churn")
    assert re.findall(r"Project (\w+), target (\w+)", done.stdout) == of_churn
    done = tools.run(project / "scripts" / "validate_definitions.sh", "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "There is no project 'nobody' here" in done.stderr


@pytest.mark.parametrize("can", [True, False], ids=["as root", "as nobody"])
def test_what_slow_tests_start_is_installed_where_it_can_be_and_never_fails(
    tools: Tools, tmp_path: Path, can: bool
) -> None:
    """Where the programs are on the PATH nothing is asked; apt-get here installs nothing, as without a network."""
    script = ROOT / "scripts" / "install_for_slow_tests.sh"
    programs = ("initdb", "google-chrome")
    tools.add(*programs, "apt-get", "sudo")
    if can:
        assert tools.run(script).returncode == 0
        assert tools.calls() == []
    for program in programs:
        (tmp_path / "bin" / program).unlink()
    text = script.read_text().replace("/usr/lib/postgresql", str(tmp_path / "none"))
    copy = tmp_path / script.name
    text = text.replace("as_root true", "true" if can else "false")
    copy.write_text(text.replace("command -v chromium", "command -v no-chromium"))
    done = tools.run(copy, PATH=f"{tmp_path / 'bin'}:/usr/bin:/bin")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\w+) is not here .* are skipped", done.stderr) == ["postgresql", "chromium"]
    asked = " ".join(" ".join(call) for call in tools.calls() if "install" in call)
    assert all((package in asked) is can for package in ("postgresql", "chromium"))


def test_tests_write_what_the_pipeline_publishes(project: Path, tools: Tools) -> None:
    tools.add("python", folder=project / ".venv" / "bin")
    tools.run(project / "scripts" / "test_with_reports.sh")
    (call,) = tools.calls()
    assert call[:3] == ["python", "-m", "pytest"]
    assert call[call.index("--junitxml") + 1] == "reports/tests.xml"
    assert "xml:reports/coverage.xml" in call
