"""A volume that has hiccups: nothing is lost, nothing doubled, and no step dies of another's."""

from __future__ import annotations

import sys
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import pytest

from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.protocol import Done, Message
from mlops_core.adapters.step_launcher.remote import output, volume, worker
from mlops_core.adapters.step_launcher.remote.masking import Mask
from mlops_core.adapters.step_launcher.remote.outbox import Outbox
from mlops_core_tests.adapters.step_launcher.test_faults import assert_made_once
from mlops_core_tests.adapters.step_launcher.test_survival import when
from mlops_core_tests.adapters.step_launcher.workbench import Workbench


def test_an_outbox_loses_nothing_while_the_volume_refuses(tmp_path: Path) -> None:
    capture, attempt = output.Capture(), tmp_path / "a0"
    outbox = Outbox(attempt, capture, Mask())
    outbox.open()
    attempt.rename(tmp_path / "gone")
    attempt.write_text("a file in the place of the folder")  # every write fails now
    outbox.add_event('{"user": 1}')
    capture.out.add("hello ")
    time.sleep(1.3)
    capture.out.add("world")
    attempt.unlink()
    (tmp_path / "gone").rename(attempt)
    outbox.close(Done("STEP_SUCCESS"))
    messages = [Message.from_bytes(file.read_bytes()) for file in sorted(attempt.glob("m-*"))]
    assert (attempt / "begun").exists()
    assert "".join(message.out for message in messages) == "hello world"
    assert [event for message in messages for event in message.events] == ['{"user": 1}']
    assert [message.done for message in messages][-1] == Done("STEP_SUCCESS")
    assert (attempt / "ended").exists()


def test_a_message_that_landed_and_failed_is_the_same_when_it_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader takes each number once, as soon as it is there."""
    read: dict[str, Message] = {}
    write_bytes, attempt = Path.write_bytes, tmp_path / "a0"

    def landing(path: Path, data: bytes) -> int:
        write_bytes(path, data)
        if path.name.startswith("m-") and path.name not in read:
            read[path.name] = Message.from_bytes(data)
            raise OSError("Input/output error")
        return len(data)

    monkeypatch.setattr(Path, "write_bytes", landing)
    capture = output.Capture()
    outbox = Outbox(attempt, capture, Mask())
    outbox.open()
    for word in ("one ", "two ", "three"):
        capture.out.add(word)
        time.sleep(0.5)
    outbox.close(Done("STEP_SUCCESS"))
    messages = [read[name] for name in sorted(read)]
    assert "".join(message.out for message in messages) == "one two three"
    assert [message.done for message in messages if message.done] == [Done("STEP_SUCCESS")]
    assert sorted(read) == [f"m-{number:05d}.json.gz" for number in range(1, len(read) + 1)]


def test_a_step_whose_end_can_not_be_written_waits_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[str] = []

    class Attempt:
        def __init__(self, folder: Path, *_: object) -> None:
            self.name = folder.parent.name

        def run(self) -> None:
            time.sleep(0 if self.name == "unlucky" else 0.5)

        def report(self, future: Future[None]) -> Done:
            future.result()
            if self.name == "unlucky":
                raise OSError("Input/output error")
            reported.append(self.name)
            return Done("STEP_SUCCESS")

        def cancel_when_asked(self) -> None: ...

    monkeypatch.setattr(worker, "StepAttempt", Attempt)
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))  # it replaces them
    folder, requests = protocol.worker_folder(str(tmp_path), "w", 0), Path(protocol.requests_folder(str(tmp_path)))
    requests.mkdir()
    for name in ("lucky", "unlucky"):
        (requests / f"{name}__a0").write_bytes(protocol.request_bytes({"worker": folder}, b""))
    for number, content in enumerate((b"", b"[]", b"{}", b"7", b'{"worker": 7}', b"[" * 100_000, b"\xff")):
        (requests / f"foreign{number}").write_bytes(content)
    lease = SimpleNamespace(renew=lambda: None, lapsed=lambda: None)
    with pytest.raises(OSError, match="Input/output error"):
        worker.Worker(lease, 2, None).serve(Path(folder), idle_s=5.0)
    assert reported == ["lucky"]
    assert Path(protocol.up_file(folder)).exists()


def test_what_a_step_needs_is_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter((OSError("Input/output error"), "there"))

    def act() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert volume.retry_io(act) == "there"
    monkeypatch.setattr(volume, "PATIENCE_S", 0.0)
    answers = iter((OSError("Input/output error"),) * 5)
    with pytest.raises(OSError, match="Input/output error"):
        volume.retry_io(act)


@pytest.mark.slow
def test_a_step_survives_writes_that_land_and_fail_and_a_volume_that_can_not_be_read(workbench: Workbench) -> None:
    emulator = workbench.emulator
    with (
        when(lambda: workbench.notes("counting"), lambda: emulator.let_writes_land_and_fail(2.5)),
        when(
            lambda: emulator.calls.matching("GET", r"/steps/counting/a0/m-00002.*"),
            lambda: (time.sleep(2.5), emulator.make_volumes_unreadable(2.5)),
        ),
    ):
        result = workbench.materialize("counting")
    assert_made_once(workbench, result, "counting")
    logged = [entry.user_message for entry in workbench.instance.all_logs(result.run_id)]
    assert [text for text in logged if text.startswith("counted")] == [f"counted {number}" for number in range(30)]
