"""What runs on the cluster is the code that was loaded: which files it is, and that it is there as a whole."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mlops_core.adapters.step_launcher import package_files
from mlops_core.adapters.step_launcher.code_archive import build_code_archive, loaded_code
from mlops_core.adapters.step_launcher.protocol import DAMAGED_CODE
from mlops_core.adapters.step_launcher.remote import step_main
from mlops_core.adapters.step_launcher.staging import CodeStage
from mlops_core_tests.adapters.step_launcher.workbench import Workbench

LOG = logging.getLogger(__name__)
CODE = [
    "__init__.py",
    "assets.py",
    "data/__init__.py",
    "data/zones.csv",
    "deep/query.sql",
    "targets.yml",
    "tests/case.json",
]


def make_files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}\n")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", *arguments], cwd=folder, check=True)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """As a wheel or an image has it: without a repository."""
    folder = tmp_path / "place" / "pipeline"
    make_files(folder, *CODE)
    return folder


@pytest.fixture
def tracked(package: Path) -> Path:
    git(package.parent, "init", "--quiet")
    (package.parent / ".gitignore").write_text("*.parquet\n.venv\n")
    git(package.parent, "add", ".")
    git(package.parent, "commit", "--quiet", "--message", "one")
    return package


def names(package: Path) -> list[str]:
    archive = zipfile.ZipFile(io.BytesIO(build_code_archive([package]).zipped()))
    assert archive.testzip() is None
    return [name.removeprefix(f"{package.name}/") for name in archive.namelist()]


def remarks(package: Path) -> list[str]:
    return list(build_code_archive([package]).remarks)


def test_a_package_outside_of_a_repository_is_taken_but_for_caches_and_secrets(package: Path) -> None:
    make_files(package, "__pycache__/a.pyc", ".github/x.yml", ".env", ".cache/x.py", "venv/pyvenv.cfg", "venv/lib/x.py")
    make_files(package, "token.txt", "deep/service-account.json")
    assert names(package) == CODE
    assert remarks(package) == [
        "Of pipeline, not staged because its name is that of a secret: deep/service-account.json, token.txt."
    ]


def test_what_git_tracks_is_the_code_as_the_working_tree_has_it(tracked: Path) -> None:
    make_files(tracked, "rows.parquet", ".venv/lib/x.py", "__pycache__/a.pyc", "notes.txt", "new.py", ".hidden/x.py")
    (tracked / "assets.py").write_text("changed")
    (tracked / "targets.yml").unlink()
    archive = build_code_archive([tracked])
    files = {name.removeprefix("pipeline/"): content for name, content in archive.files}
    assert set(files) == {*CODE, "new.py"} - {"targets.yml"}
    assert files["assets.py"] == b"changed"
    assert list(archive.remarks) == [
        "Of pipeline, staged though git does not track it yet: new.py.",
        "Of pipeline, not staged because git does not track it (git add what steps need): notes.txt.",
    ]


def test_a_tracked_secret_a_link_and_what_is_large_are_left_out_by_name(
    tracked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_files(tracked, "secrets.yml", "credentials.py")
    (tracked / "link.py").symlink_to(tracked / "assets.py")
    (tracked / "weights.bin").write_bytes(bytes(2000))
    git(tracked, "add", ".")
    monkeypatch.setattr(package_files, "LARGEST", 1000)
    assert names(tracked) == sorted([*CODE, "credentials.py"])
    said = " ".join(remarks(tracked))
    assert "that of a secret: secrets.yml." in said
    assert "is a link, and not the file: link.py." in said
    assert "MB: weights.bin." in said


def test_other_repositories_within_a_package_and_odd_files_are_left_out_by_name(tracked: Path) -> None:
    other = tracked / "other"
    make_files(other, "__init__.py")
    git(other, "init", "--quiet")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "--message", "one")
    os.mkfifo(tracked / "queue.py")
    Path(os.fsdecode(os.fsencode(tracked) + b"/caf\xe9.py")).touch()
    assert names(tracked) == CODE
    said = " ".join(remarks(tracked))
    assert "git does not track it (git add what steps need): other/." in said
    assert r"is no UTF-8: caf\udce9.py." in said
    git(tracked, "add", "other")  # as a submodule is
    assert names(tracked) == CODE
    assert "another repository (stage its package too): other." in " ".join(remarks(tracked))
    (tracked.parent / ".git").rename(tracked.parent / "no_git")
    assert "is no file: queue.py." in " ".join(remarks(tracked))


def test_a_package_that_is_not_committed_yet_is_new_as_a_whole(tracked: Path) -> None:
    other = tracked.parent / "churn"
    make_files(other, "__init__.py", "databricks.yml", "rows.parquet", "token.txt", "__pycache__/a.pyc")
    (tracked.parent / ".gitignore").write_text("*.parquet\n__pycache__\n")
    assert names(other) == ["__init__.py", "databricks.yml"]
    assert len(remarks(other)) == 1


def test_a_package_that_its_repository_ignores_is_as_one_without(tracked: Path) -> None:
    installed = tracked.parent / ".venv" / "lib" / "churn"
    make_files(installed, "__init__.py", "databricks.yml", "py.typed")
    assert names(installed) == ["__init__.py", "databricks.yml", "py.typed"]
    assert remarks(installed) == []


def test_a_repository_that_git_can_not_read_is_said(tracked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("GIT_DIR", "/nowhere")  # a hook's
        assert remarks(tracked) == []
        patched.setenv("PATH", "")
        assert names(tracked) == CODE
        assert "Git did not say what it tracks" in remarks(tracked)[0]


def test_many_names_are_counted() -> None:
    found = package_files.PackageFiles(Path("p"), {f"{number}.txt" for number in range(11)})
    found.leave_out(lambda name: True, "x")
    assert found.remarks[0].endswith(", and 3 more.")
    assert found.names == set()


def test_the_same_code_has_the_same_archive_and_other_code_another(tracked: Path) -> None:
    first = build_code_archive([tracked])
    (tracked / "assets.py").touch()
    (tracked / "new.parquet").write_text("data")
    assert build_code_archive([tracked]).zipped() == first.zipped()
    assert build_code_archive([tracked]).digest == first.digest
    (tracked / "assets.py").write_text("changed")
    assert build_code_archive([tracked]).digest != first.digest


def test_folders_that_are_no_packages_or_have_one_name_are_refused(tmp_path: Path, package: Path) -> None:
    with pytest.raises(ValueError, match="name the folder of an import package"):
        build_code_archive([tmp_path])
    make_files(tmp_path / "pipeline", "__init__.py")
    with pytest.raises(ValueError, match="Two packages are named pipeline"):
        build_code_archive([package, tmp_path / "pipeline"])


def test_a_process_runs_the_code_that_it_loaded(package: Path) -> None:
    first = loaded_code((package,))
    (package / "assets.py").write_text("changed between two steps")
    assert loaded_code((package,)) is first
    assert build_code_archive([package]).digest != first.digest


def test_the_main_file_unpacks_what_its_name_promises_and_calls_the_module(package: Path, tmp_path: Path) -> None:
    (package / "entry.py").write_text("def main(options, dbutils):\n    dbutils.append(options['word'])\n")
    archive = build_code_archive([package])
    staged, called = tmp_path / f"{archive.digest}.zip", list[str]()
    staged.write_bytes(archive.zipped())
    step_main.main([f"code={staged}", "module=pipeline.entry", "word=a=b"], called)
    assert called == ["a=b"]


def flipped(data: bytes) -> bytes:
    return data[:200] + bytes(byte ^ 0xFF for byte in data[200:220]) + data[220:]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[: len(data) // 2], lambda data: b"", flipped, lambda data: data[:-1], lambda data: None],
    ids=["half", "empty", "flipped", "torn", "missing"],
)
def test_damaged_code_is_removed_so_that_it_is_staged_again(
    package: Path, tmp_path: Path, damage: Callable[[bytes], bytes | None]
) -> None:
    archive = build_code_archive([package])
    staged, content = tmp_path / f"{archive.digest}.zip", damage(archive.zipped())
    if content is not None:
        staged.write_bytes(content)
    with pytest.raises(ValueError, match=DAMAGED_CODE):
        step_main.main([f"code={staged}", "module=pipeline.assets"], None)
    assert not staged.exists()


def test_what_is_staged_is_looked_after(workbench: Workbench, caplog: pytest.LogCaptureFixture) -> None:
    """Before a Databricks run starts, whatever of it is missing, torn or half there is staged again."""
    place, stage, storage = workbench.launcher.workspace(), CodeStage(workbench.settings), workbench.emulator.storage
    with caplog.at_level(logging.INFO):
        first = stage.ensure(place, LOG)
    assert (
        f"Staged {len(loaded_code(workbench.settings.staged_packages).files)} files of code: {first.code}"
        in caplog.text
    )
    code, main = storage.volume_path(first.code), storage.tree_path(first.main_file)
    note, whole = code.with_suffix(".json"), {path: path.read_bytes() for path in (code, main)}
    assert main.read_bytes() == zipfile.ZipFile(code).read("mlops_core/adapters/step_launcher/remote/step_main.py")
    for damaged in (code, main, note):
        for damage in (damaged.unlink, lambda file=damaged: file.write_bytes(file.read_bytes()[:-9])):
            damage()
            again = stage.ensure(place, LOG)
            assert {path: path.read_bytes() for path in (code, main)} == whole
            assert replace(again, used_at=0) == replace(first, used_at=0)
    calls = len(workbench.emulator.calls.matching("", ""))
    stage.ensure(place, LOG)
    assert len(workbench.emulator.calls.matching("", "")) == calls + 3


@pytest.mark.slow
def test_code_that_was_changed_on_the_volume_is_staged_again_by_the_same_run(workbench: Workbench) -> None:
    staged = CodeStage(workbench.settings).ensure(workbench.launcher.workspace(), LOG)
    file = workbench.emulator.storage.volume_path(staged.code)
    content = file.read_bytes()
    file.write_bytes(flipped(content))
    result = workbench.materialize("numbers")
    assert result.success
    assert len(workbench.notes("numbers")) == 1
    assert len(workbench.emulator.runs) == 2
    assert file.read_bytes() == content
