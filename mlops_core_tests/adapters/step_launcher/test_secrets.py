"""The value of a secret reaches the step, and leaves its process in no way."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import dagster as dg
import pytest
from dagster._serdes import deserialize_value, serialize_value

from mlops_core.adapters.step_launcher.protocol import Done, Message
from mlops_core.adapters.step_launcher.remote import output
from mlops_core.adapters.step_launcher.remote.masking import MASK, Mask
from mlops_core.adapters.step_launcher.remote.outbox import Outbox
from mlops_core.adapters.step_launcher.remote.step import StepAttempt
from mlops_core.adapters.step_launcher.settings import SecretReference
from mlops_core_tests.adapters.step_launcher.workbench import Workbench

AWKWARD = "pa\"ss\\wörd'\n2"
SECRETS = ["hunter2-is-long-enough", AWKWARD]


@pytest.fixture(params=SECRETS)
def masked(request: pytest.FixtureRequest) -> Iterator[tuple[str, Mask]]:
    mask = Mask()
    mask.add([request.param])
    yield request.param, mask


def test_an_event_has_no_secret_and_is_an_event_still(masked: tuple[str, Mask]) -> None:
    secret, mask = masked
    said = "\n".join((secret, json.dumps({"a": secret}), repr(secret)[1:-1], json.dumps(repr(secret)[1:-1])))
    entry = dg.EventLogEntry(None, "INFO", said, "run", 1.5, step_key="step", job_name="job", dagster_event=None)
    found = deserialize_value(mask.json(serialize_value(entry)), dg.EventLogEntry)
    assert found.user_message == "\n".join((MASK, json.dumps({"a": MASK}), MASK, json.dumps(MASK)))
    assert found.step_key == "step"


def test_an_event_without_a_secret_is_left_as_it_is() -> None:
    mask = Mask()
    mask.add(["EventLogEntry"])  # a word of Dagster's own JSON
    entry = dg.EventLogEntry(None, "INFO", "the EventLogEntry", "run", 1.5)
    assert deserialize_value(mask.json(serialize_value(entry)), dg.EventLogEntry).user_message == f"the {MASK}"
    assert mask.json('{"a": 1.50}') == '{"a": 1.50}'


def test_streams_show_no_secret_here_or_there_also_where_they_are_cut(masked: tuple[str, Mask]) -> None:
    secret, mask = masked
    captures, real, capture = output.Captures(), io.StringIO(), output.Capture()
    captures.mask = mask
    capture.out = output.CappedText(limit=8)
    captures.start(capture)
    output.CopyingStream(real, captures, "out").write(f"it is {secret}")
    captures.stop()
    assert real.getvalue() == f"it is {MASK}"
    assert capture.out.take() == f"it is {MASK}"[:8] + output.CUT


def test_the_traceback_of_the_last_message_shows_no_secret(tmp_path: Path, masked: tuple[str, Mask]) -> None:
    secret, mask = masked
    captures = output.Captures()
    captures.mask = mask
    attempt = StepAttempt(tmp_path / "steps" / "s" / "a0", captures, None)
    failed: Future[str | None] = Future()
    failed.set_exception(RuntimeError(f"cannot sign in with {secret}"))
    done = attempt.report(failed)
    [message] = [Message.from_bytes(file.read_bytes()) for file in attempt.folder.glob("m-*")]
    assert message.done == done
    assert f"cannot sign in with {MASK}" in str(message.done.error)
    assert secret not in str(message.done.error)


def test_an_outbox_masks_what_it_writes(tmp_path: Path) -> None:
    mask = Mask()
    mask.add(["hunter2"])
    outbox = Outbox(tmp_path / "a0", output.Capture(), mask)
    outbox.open()
    outbox.add_event('{"user": "hunter2"}')
    outbox.close(Done("STEP_SUCCESS"))
    messages = [Message.from_bytes(file.read_bytes()) for file in (tmp_path / "a0").glob("m-*")]
    assert [event for message in messages for event in message.events] == [json.dumps({"user": MASK})]


def test_neither_the_run_nor_the_output_on_databricks_shows_a_secret(
    workbench: Workbench, capfd: pytest.CaptureFixture[str]
) -> None:
    client = workbench.launcher._clients.get()
    client.secrets.create_scope("pipeline")
    client.secrets.put_secret("pipeline", "word", string_value=AWKWARD)
    workbench.configure(secrets=(SecretReference("SAMPLE_SECRET_WORD", "pipeline", "word"),))
    result = workbench.materialize("indiscreet")
    assert not result.success
    assert workbench.notes("indiscreet") == [AWKWARD]
    said = workbench.texts(result) + workbench.emulator.task_log(workbench.emulator.runs[0]) + capfd.readouterr().out
    assert f"printed {MASK}" in said
    assert f"raised {MASK}" in said
    for part in ('pa"ss', "wörd", "w\\xf6rd", "w\\u00f6rd"):
        assert part not in said
