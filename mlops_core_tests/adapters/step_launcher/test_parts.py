"""The launcher's parts on their own."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from pathlib import Path

import pytest

from mlops_core.adapters.step_launcher.code_archive import build_code_archive
from mlops_core.adapters.step_launcher.cost import Nodes, PriceTable, estimate
from mlops_core.adapters.step_launcher.protocol import Done, Message, request_bytes, split_request
from mlops_core.adapters.step_launcher.remote import output, step_main
from mlops_core.adapters.step_launcher.remote.lease import Lease
from mlops_core.adapters.step_launcher.settings import LauncherSettings, SecretReference, Timing
from mlops_core.adapters.step_launcher.stock import stock_config
from mlops_core.adapters.step_launcher.versions import installed_versions, mismatch
from mlops_core.config import parsed_host
from mlops_core_tests.adapters.step_launcher.workbench import make_settings


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "pipeline"
    for name in ("__init__.py", "assets.py", "query.sql", "deep/target.yml", ".env", ".git/config", ".venv/x.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")
    for name in ("trips.parquet", "data/rows.json", "tests/test_x.py", "__pycache__/a.py", "token.pem"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def test_the_archive_holds_code_and_nothing_else(package: Path) -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_code_archive([package]).zipped()))
    assert archive.namelist() == [
        "pipeline/__init__.py", "pipeline/assets.py", "pipeline/deep/target.yml", "pipeline/query.sql",
    ]  # fmt: skip


def test_the_same_code_has_the_same_archive_and_other_code_another(package: Path) -> None:
    first = build_code_archive([package])
    (package / "assets.py").touch()
    (package / "new.parquet").write_text("data")
    assert build_code_archive([package]).zipped() == first.zipped()
    assert build_code_archive([package]).digest == first.digest
    (package / "assets.py").write_text("changed")
    assert build_code_archive([package]).digest != first.digest


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name the folder of an import package"):
        build_code_archive([tmp_path])


def test_the_main_file_unpacks_what_its_name_promises_and_calls_the_module(tmp_path: Path, package: Path) -> None:
    (package / "entry.py").write_text("def main(options, dbutils):\n    dbutils.append(options['word'])\n")
    archive = build_code_archive([package])
    staged = tmp_path / f"{archive.digest}.zip"
    staged.write_bytes(archive.zipped())
    called: list[str] = []
    step_main.main([f"code={staged}", "module=pipeline.entry", "word=a=b"], called)
    assert called == ["a=b"]
    (package / "entry.py").write_text("def main(options, dbutils):\n    dbutils.append('another')\n")
    staged.write_bytes(build_code_archive([package]).zipped())
    with pytest.raises(ValueError, match="does not hold what its name says"):
        step_main.main([f"code={staged}", "module=pipeline.entry", "word=a"], called)


def test_the_main_file_imports_only_the_standard_library() -> None:
    source = Path(step_main.__file__).read_text()
    assert not [line for line in source.splitlines() if line.startswith(("import", "from")) and "my_mlops" in line]


def test_a_message_survives_and_a_torn_one_is_no_message() -> None:
    message = Message(("{}",), "out", "err", Done("STEP_SUCCESS"))
    assert Message.from_bytes(message.to_bytes()) == message
    with pytest.raises((EOFError, OSError, ValueError)):
        Message.from_bytes(message.to_bytes()[:-9])


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
    with pytest.raises(ValueError, match="lease_s must be longer"):
        LauncherSettings("/Volumes/a/b/c", timing=Timing(lease_s=10, outage_s=20))


def test_streams_go_to_the_step_of_their_thread_and_are_capped() -> None:
    captures, real = output.Captures(), io.StringIO()
    stream = output.CopyingStream(real, captures, "out")
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


def test_a_lease_lapses_when_it_is_not_renewed_or_removed(tmp_path: Path) -> None:
    file = tmp_path / "lease"
    file.write_text("1")
    lease = Lease(file, 0.4)
    for number in range(6):
        time.sleep(0.15)
        file.write_text(f"renewed {number}")
        assert lease.lapsed() is None
    time.sleep(0.6)
    assert "was not renewed" in lease.lapsed()
    removed = Lease(tmp_path / "removed", 0.4)
    reasons = []
    for _ in range(4):
        time.sleep(0.11)
        removed.renew()
        reasons.append(removed.lapsed())
    assert reasons[0] is None  # one look may be a hiccup
    assert "was removed" in reasons[-1]


def test_the_stock_launcher_has_the_same_settings(tmp_path: Path) -> None:
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
