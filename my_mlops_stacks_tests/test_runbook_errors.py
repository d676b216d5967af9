"""The runbook has a row for each way in which the step launcher fails, found by the error's own words."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest

from mlops_core.adapters.explained_calls import answered_otherwise, sign_in_error
from mlops_core.adapters.step_launcher.acceptance import RefusedMessageError
from mlops_core.adapters.step_launcher.call_errors import OutageError
from mlops_core.adapters.step_launcher.compute import Compute
from mlops_core.adapters.step_launcher.dispatch import Loss
from mlops_core.adapters.step_launcher.failure import explain_error, explain_loss, explain_mismatch, explain_refusal
from mlops_core.adapters.step_launcher.patient_calls import ClientSource
from mlops_core.adapters.step_launcher.protocol import DAMAGED_CODE, Done
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.run_state import RunState
from mlops_core.adapters.step_launcher.settings import LauncherSettings, Timing
from mlops_core.adapters.step_launcher.versions import mismatch
from mlops_core.adapters.step_launcher.workspace import Workspace
from mlops_core.config.workspace_address import parsed_host
from my_mlops_stacks_tests.conftest import ROOT

PAGE = (ROOT / "docs" / "runbook.md").read_text()
ROWS = re.findall(r"^\| (.*?) \| (.*?) \|", PAGE.partition("## A step failed")[2].partition("**Do.**")[0], re.MULTILINE)
NOWHERE = LauncherSettings(
    "/Volumes/a/b/c", workspace=parsed_host("http://127.0.0.1:9", "here"), timing=Timing(outage_s=0.5)
)
HANDLE = RunHandle(7, "https://adb-1.azuredatabricks.net/?o=1#job/7", {})


def words_of(cell: str) -> list[str]:
    """What a cell quotes of errors, as patterns."""
    return [re.escape(words).replace(r"\.\.\.", ".*") for words in re.findall(r"`([^`]+)`", cell)]


def workspace(**timing: float) -> Workspace:
    settings = replace(NOWHERE, timing=replace(NOWHERE.timing, **timing))
    return Workspace(ClientSource(settings), settings, logging.getLogger(__name__))


def outage() -> str:
    """Of a host where nobody listens."""
    with pytest.raises(OutageError) as raised:
        workspace().state(7)
    return str(raised.value)


def refused_secret() -> str:
    with pytest.raises(ValueError, match="API_TOKEN") as raised:
        LauncherSettings("/Volumes/a/b/c", environment={"API_TOKEN": "x"})
    return str(raised.value)


def lost(state: RunState) -> str:
    loss = Loss(HANDLE, state, begun=state.life_cycle != "PENDING", untaken=False)
    return str(explain_loss(workspace(), loss).failure.description)


def test_each_error_of_the_launcher_has_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "of-nobody")
    other = mismatch({"python": "3.12.1"}, {"python": "3.11.7"})
    errors = [
        outage(),
        refused_secret(),
        str(answered_otherwise("GET", "/api/2.2/jobs/runs/get", "https://adb-1", 'an HTML page, or text ("Sign in")')),
        str(sign_in_error("https://adb-1", ValueError("invalid_client"))),
        lost(RunState("TERMINATED", "FAILED", "", "", code="CLUSTER_ERROR")),
        lost(RunState("PENDING", "", "", "")),
        str(RefusedMessageError("m-00001.json.gz", "it is of another step").description),
        str(explain_mismatch(Done(None, other, mismatch=True)).description),
        str(explain_refusal(PermissionError("no such policy"), "trips", Compute()).description),
        str(explain_error(Done(None, "ModuleNotFoundError: No module named 'tariffs'"), HANDLE).description),
        f"ValueError: code.zip {DAMAGED_CODE}: the next attempt stages it again.",
    ]
    quoted = [words for cell, _ in ROWS for words in words_of(cell)]
    assert [error for error in errors if not any(re.search(words, error) for words in quoted)] == []


def test_the_guards_refusals_have_a_row() -> None:
    guard = (ROOT / "mlops_core" / "adapters" / "webserver" / "guard.py").read_text()
    (row,) = [line for line in PAGE.splitlines() if "deployment.md#who-reaches-the-ui" in line]
    assert set(re.findall(r"Refusal\((\d{3}),", guard)) == set(re.findall(r"\b4\d\d\b", row))
