"""The launcher's parts on their own."""

from __future__ import annotations

import gzip
import io
import re
import threading
import time
from pathlib import Path

import pytest

from mlops_core.adapters.step_launcher.cost import Nodes, PriceTable, estimate
from mlops_core.adapters.step_launcher.protocol import (
    Done,
    Message,
    attempt_folder,
    handed_over_file,
    request_bytes,
    request_file,
    requested_attempt,
    split_request,
)
from mlops_core.adapters.step_launcher.remote import output, step_main
from mlops_core.adapters.step_launcher.remote.lease import Lease
from mlops_core.adapters.step_launcher.settings import LauncherSettings, SecretReference, Timing
from mlops_core.adapters.step_launcher.stock import stock_config
from mlops_core.adapters.step_launcher.versions import installed_versions, mismatch
from mlops_core.config import parsed_host
from mlops_core_tests.adapters.step_launcher.workbench import make_settings


def test_the_main_file_imports_only_the_standard_library() -> None:
    source = Path(step_main.__file__).read_text()
    assert not [line for line in source.splitlines() if line.startswith(("import", "from")) and "my_mlops" in line]


def test_a_message_survives_and_a_torn_one_is_no_message() -> None:
    message = Message(("{}",), "out", "err", Done("STEP_SUCCESS"))
    assert Message.from_bytes(message.to_bytes()) == message
    with pytest.raises((EOFError, OSError, ValueError)):
        Message.from_bytes(message.to_bytes()[:-9])


@pytest.mark.parametrize(
    "text",
    [
        '{"events": {"a": 1}, "out": "", "err": "", "done": null}',
        '{"events": "abc", "out": "", "err": "", "done": null}',
        f'{{"events": [{"[]," * 400_000}[]], "out": "", "err": "", "done": null}}',
        '{"events": ["' + '\\"' * 400_000,
    ],
    ids=["a mapping", "a text", "nothing but lists", "a text without an end"],
)
def test_json_of_another_shape_is_no_message(text: str) -> None:
    """The lists would take 25 times their length in memory."""
    with pytest.raises(ValueError, match="no message|Unterminated string"):
        Message.from_bytes(gzip.compress(text.encode()))


def test_no_two_steps_share_a_folder_or_a_file() -> None:
    long = "a" * 300
    keys = ["f[a]", "f_a_", "f[a_", "f=5b=a=5d=", "f.a", "F[a]", "f[ä]", f"{long}[a]", f"{long}[b]", "f__a0", "f"]
    folders = [attempt_folder("/Volumes/a/b/c/runs/r", key, number) for key in keys for number in (0, 1)]
    assert len(set(folders)) == len({request_file(folder) for folder in folders}) == 2 * len(keys)
    for folder in folders:
        assert re.fullmatch(r"[A-Za-z0-9_.=/-]+", folder)
        assert requested_attempt(handed_over_file(folder, "/x/workers/12345678-123456789abc-g10")) == folder
        assert max(len(part) for part in handed_over_file(folder, "/x/workers/w-g0").split("/")) < 255


@pytest.mark.parametrize("name", ["numbers__a0 (1)", "numbers__a0.bak", "copy", "numbers__a", ".numbers__a0.swp"])
def test_a_copy_of_a_request_asks_for_nothing(name: str) -> None:
    """It names the worker as the request does, and would run the step once more."""
    assert requested_attempt(f"/Volumes/a/b/c/runs/r/requests/{name}") is None


def test_the_header_of_a_request_is_readable_without_its_body() -> None:
    assert split_request(request_bytes({"a": 1}, b"\x80\n\x00")) == ({"a": 1}, b"\x80\n\x00")


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        ({"python": "3.12.1", "mlflow": "3.17.0"}, "python is 3.12.1 on the cluster but 3.11.7 on the Dagster host"),
        ({"python": "3.11.9", "mlflow": "2.9.0"}, "mlflow is 2.9.0 on the cluster but 3.17.2 on the Dagster host"),
        ({"python": "3.11.9"}, "mlflow 3.17.2 is on the Dagster host but not on the cluster"),
    ],
)
def test_a_mismatch_is_one_sentence(cluster: dict[str, str], sentence: str) -> None:
    found = mismatch({"python": "3.11.7", "mlflow": "3.17.2"}, cluster)
    assert found.startswith(sentence)
    assert found.endswith(".")
    assert "\n" not in found


def test_patch_versions_may_differ() -> None:
    assert mismatch({"python": "3.11.7", "mlflow": "3.17.2"}, {"python": "3.11.9", "mlflow": "3.17.0"}) is None
    assert installed_versions(["no-such-package"]).keys() == {"python"}


def test_cost_of_an_hour() -> None:
    nodes = Nodes.of({"node_type_id": "small", "driver_node_type_id": "large", "autoscale": {"min_workers": 2}}, False)
    assert nodes.counts == {"large": 1, "small": 2}
    for unsized in ({}, {"autoscale": None}, {"num_workers": None, "autoscale": {}}):  # a driver alone
        assert Nodes.of({"node_type_id": "small", **unsized}, False).counts == {"small": 1}
    prices = PriceTable({"large": 2.0, "small": 1.0}, {"large": 0.5, "small": 0.25}, price_per_dbu=0.1, currency="EUR")
    cost = estimate(3600, nodes, prices)
    assert (cost.dbu, cost.money) == (4.0, pytest.approx(4 * 0.1 + 0.5 + 2 * 0.25))
    assert estimate(10, nodes, None).metadata() == {
        "databricks/cluster_seconds": 10,
        "databricks/node_types": "1 x large, 2 x small",
    }


def test_settings_refuse_what_would_bite_later() -> None:
    with pytest.raises(ValueError, match="/Volumes/<catalog>/<schema>/<volume>"):
        LauncherSettings("dbfs:/staging")
    with pytest.raises(ValueError, match="give the launcher a SecretReference"):
        LauncherSettings("/Volumes/a/b/c", environment={"API_TOKEN": "x"})
    with pytest.raises(
        ValueError, match="The requirement .*//index.example/simple' has a password or a token"
    ) as error:
        LauncherSettings("/Volumes/a/b/c", requirements=("--index-url https://me:hunter2@index.example/simple",))
    assert "hunter2" not in str(error.value)
    LauncherSettings("/Volumes/a/b/c", environment={"BUNDLE_VAR_secrets": '{"API_TOKEN": "scope/key"}'})
    with pytest.raises(ValueError, match="lease_s must be longer"):
        LauncherSettings("/Volumes/a/b/c", timing=Timing(lease_s=10, outage_s=20))


def test_streams_go_to_the_step_of_their_thread_and_are_capped() -> None:
    captures, real = output.Captures(), io.StringIO()
    stream = captures.stream(real, "out")
    found: dict[str, str] = {}

    def step(word: str) -> None:
        capture = output.Capture()
        captures.start(capture)
        time.sleep(0.05)  # both run now
        stream.write(word * 3)
        found[word] = capture.out.take()
        captures.stop()

    threads = [threading.Thread(target=step, args=(word,)) for word in ("a", "b")]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert found == {"a": "aaa", "b": "bbb"}
    assert sorted(real.getvalue()) == list("aaabbb")
    capped = output.CappedText(5)
    for part in ("abc", "def", "ghi"):
        capped.add(part)
    assert capped.take() == "abcde" + output.CUT


def test_a_lease_lapses_when_it_is_not_renewed_or_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    file = tmp_path / "lease"
    file.write_text("1")
    lease = Lease(file, 0.4)
    for number in range(6):
        now += 0.15
        file.write_text(f"renewed {number}")
        assert lease.lapsed() is None
    now += 0.6
    assert "was not renewed" in lease.lapsed()
    removed = Lease(tmp_path / "removed", 0.4)
    reasons = []
    for _ in range(4):
        now += 0.11
        removed.renew()
        reasons.append(removed.lapsed())
    assert reasons[0] is None  # one look may be a hiccup
    assert "was removed" in reasons[-1]


def test_the_stock_launcher_has_the_same_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_TOKEN", "")  # the stock launcher sets it, and leaves it
    settings = make_settings(
        workspace=parsed_host("https://adb-1.azuredatabricks.net", "here"),
        secrets=(SecretReference("WORD", "scope", "key"),),
    )
    config = stock_config(settings, {"DATABRICKS_TOKEN": "dapi"}, tmp_path)
    assert config["run_config"]["cluster"]["new"]["nodes"]["node_types"]["node_type_id"] == "Standard_D4ds_v5"
    assert config["databricks_host"] == "https://adb-1.azuredatabricks.net"
    assert config["secrets_to_env_variables"] == [{"name": "WORD", "scope": "scope", "key": "key"}]
    with pytest.raises(ValueError, match="needs DATABRICKS_TOKEN"):
        stock_config(settings, {}, tmp_path)
    from dagster_databricks import DatabricksPySparkStepLauncher

    DatabricksPySparkStepLauncher(**config)
