"""The value of a secret reaches the step, and leaves its process in no way."""

from __future__ import annotations

import base64
import io
import json
import logging
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from urllib.parse import quote, quote_plus, urlencode

import dagster as dg
import pytest
from dagster._serdes import deserialize_value, serialize_value

from mlops_core.adapters.step_launcher.protocol import (
    Done,
    Message,
    attempt_folder,
    begun_file,
    request_bytes,
    request_file,
    split_request,
)
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
    found = deserialize_value(mask.event(serialize_value(entry)), dg.EventLogEntry)
    assert found.user_message == "\n".join((MASK, json.dumps({"a": MASK}), MASK, json.dumps(MASK)))
    assert found.step_key == "step"


def test_an_event_without_a_secret_is_left_as_it_is() -> None:
    mask = Mask()
    mask.add(["EventLogEntry"])  # a word of Dagster's own JSON
    entry = dg.EventLogEntry(None, "INFO", "the EventLogEntry", "run", 1.5)
    assert deserialize_value(mask.event(serialize_value(entry)), dg.EventLogEntry).user_message == f"the {MASK}"
    assert mask.event('{"a": 1.50}') == '{"a": 1.50}'


def events_of(secret: str) -> list[str]:
    """All events of a run in which a secret is the name of everything, and stands in every text."""

    @dg.asset(
        name=f"{secret}_asset",
        partitions_def=dg.StaticPartitionsDefinition([f"{secret}-1"]),
        check_specs=[dg.AssetCheckSpec(f"{secret}_check", asset=f"{secret}_asset")],
    )
    def told() -> Iterator[object]:
        dg.AssetExecutionContext.get().log.info(f"logs {secret}")
        value = dg.MetadataValue
        texts = {"text": value.text(secret), "md": value.md(secret), "url": value.url(f"https://x/?sig={secret}")}
        data = {"json": value.json({secret: [{"deep": secret}]}), "path": value.path(f"/x/{secret}")}
        constraints = dg.TableConstraints([secret]), dg.TableColumnConstraints(other=[secret])
        column = dg.TableColumn(secret, "string", constraints=constraints[1])
        table = value.table([dg.TableRecord({secret: secret})], dg.TableSchema([column], constraints=constraints[0]))
        metadata = {f"{secret}_label": 1, "table": table, "of_asset": value.asset(dg.AssetKey(secret)), **texts, **data}
        yield dg.AssetObservation(told.key, partition=f"{secret}-1", description=secret, metadata=metadata)
        yield dg.AssetCheckResult(passed=False, check_name=f"{secret}_check", description=secret)
        raise dg.Failure(f"fails {secret}", metadata=metadata) from ValueError(f"raised {secret}")

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([told], instance=instance, partition_key=f"{secret}-1", raise_on_error=False)
        return [serialize_value(entry) for entry in instance.all_logs(result.run_id)]


def test_names_stay_and_texts_are_masked_in_every_event() -> None:
    mask = Mask()
    mask.add(["swordfish"])
    before = [json.loads(text) for text in events_of("swordfish")]
    after = [json.loads(mask.event(json.dumps(event))) for event in before]
    changed = {path: texts for pair in zip(before, after, strict=True) for path, texts in differences(*pair)}
    kept = {path for event in after for path, text in leaves(event) if "swordfish" in text}
    assert {path.rsplit(".", 1)[1] for path in kept} <= {
        "path", "step_key", "name", "partition", "check_name", "label", "output_name", "swordfish", "mapping_key",
        "pipeline_name", "log_key", "file_key", "step_keys", "dagster/partition", "key", "op_name",
    }  # fmt: skip
    assert all(old.replace("swordfish", MASK) == new for old, new in changed.values())
    assert {"user_message", "message", "description", "text", "md_str", "url", "deep"} <= {
        path.rsplit(".", 1)[1] for path in changed
    }
    assert [event.get("step_key") for event in after] == [event.get("step_key") for event in before]
    assert all(deserialize_value(json.dumps(event), dg.EventLogEntry) for event in after)


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string of a JSON value; an item of a list has its list's path."""
    if isinstance(value, str):
        yield path, value
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from leaves(item, f"{path}.{key}")
    for item in value if isinstance(value, list) else ():
        yield from leaves(item, path)


def differences(before: object, after: object) -> Iterator[tuple[str, tuple[str, str]]]:
    for (_, old), (path, new) in zip(leaves(before), leaves(after), strict=True):
        if old != new:
            yield path, (old, new)


def test_what_is_nested_deeply_is_masked() -> None:
    mask = Mask()
    mask.add(["swordfish"])
    text = (
        '{"__class__": "JsonMetadataEntryData", "data": ' + '{"swordfish": [' * 200 + '"swordfish"' + "]}" * 200 + "}"
    )
    assert "swordfish" not in mask.event(text)
    assert json.loads(mask.event(text))["__class__"] == "JsonMetadataEntryData"


@pytest.mark.parametrize(
    "encoded",
    [
        lambda secret: base64.b64encode(secret.encode()).decode(),
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: base64.urlsafe_b64encode(f"{secret}:".encode()).decode(),
        quote_plus,
        lambda secret: quote(secret, safe=""),
        lambda secret: urlencode({"sig": secret}).lower(),
        lambda secret: repr(secret.encode()),
        json.dumps,
    ],
)
def test_what_is_encoded_is_masked(encoded: Callable[[str], str]) -> None:
    mask, secret = Mask(), 'pa/ss+wörd="3'
    mask.add([secret])
    assert MASK in mask.text(f"Basic {encoded(secret)} .")


class Written:
    """What a step's own text and the real stream have of what one thread writes."""

    def __init__(self, mask: Mask, limit: int = output.LIMIT) -> None:
        self.captures, self._real, self._capture = output.Captures(), io.StringIO(), output.Capture(limit)
        self.captures.mask = mask
        self.stream = self.captures.stream(self._real, "out")
        self.captures.start(self._capture)

    def ended(self) -> str:
        self.captures.stop()
        shown = self._capture.out.take()
        assert shown == self._real.getvalue()
        return shown


def test_a_stream_shows_no_secret_also_where_it_is_cut(masked: tuple[str, Mask]) -> None:
    secret, mask = masked
    captures, real, capture = output.Captures(), io.StringIO(), output.Capture(limit=8)
    captures.mask = mask
    stream = captures.stream(real, "out")
    captures.start(capture)
    stream.write(f"it is {secret}")
    captures.stop()
    assert real.getvalue() == f"it is {MASK}"
    assert capture.out.take() == f"it is {MASK}"[:8] + output.CUT


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_secret_in_pieces_is_one_still(masked: tuple[str, Mask], size: int, as_bytes: bool) -> None:
    secret, mask = masked
    written = Written(mask)
    text = f"{secret[:3]} no; {secret}{secret} and {secret[:4]}"
    data = text.encode()
    for at in range(0, len(data if as_bytes else text), size):
        if as_bytes:
            written.stream.buffer.write(data[at : at + size])
        else:
            written.stream.write(text[at : at + size])
        written.stream.flush()
    assert written.ended() == f"{secret[:3]} no; {MASK}{MASK} and {secret[:4]}"


def test_what_is_no_secret_is_shown_at_once(masked: tuple[str, Mask]) -> None:
    written = Written(masked[1])
    written.stream.write("ordinary")
    assert written._real.getvalue() == "ordinary"
    assert written.ended() == "ordinary"


def test_the_longer_of_two_secrets_is_masked_as_a_whole() -> None:
    mask = Mask()
    mask.add(["hunter2", "hunter2-is-long", "ter2x"])
    written = Written(mask)
    for piece in ("a hunter2", "-is-", "long, a hunter2", "x, a hun", "ter"):
        written.stream.write(piece)
    assert written.ended() == f"a {MASK}, a {MASK}x, a hunter"


def test_a_key_of_several_lines_is_masked_line_by_line() -> None:
    mask = Mask()
    mask.add(["-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n"])
    for line in ("MIIEvQIBADANBg", "  kqhkiG9w0BAQEF"):
        assert mask.text(line).strip() == MASK


def test_handlers_that_have_the_streams_already_are_masked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    real = io.StringIO()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, real)
    log, handler, captures = logging.getLogger("made_before"), logging.StreamHandler(real), output.Captures()
    log.addHandler(handler)
    captures.install()
    captures.mask.add(["swordfish"])
    log.error("it is swordfish")
    log.removeHandler(handler)
    assert real.getvalue() == f"it is {MASK}\n"


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


def test_the_pickled_step_is_removed_when_it_has_begun_and_never_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLUSTER_DB_PWD", "swordfish-4")
    captures = output.Captures()
    folder = Path(attempt_folder(str(tmp_path), "f[a]", 0))
    request, header = Path(request_file(str(folder))), {"versions": {}, "environment": {}, "imports": [], "secrets": []}
    request.parent.mkdir()
    request.write_bytes(request_bytes({**header, "worker": "w"}, b"op config with hunter2"))
    with pytest.raises(pickle.UnpicklingError):
        StepAttempt(folder, captures, None).run()
    assert captures.mask.text("of the cluster: swordfish-4") == f"of the cluster: {MASK}"
    assert split_request(request.read_bytes()) == ({**header, "worker": "w"}, b"")
    assert Path(begun_file(str(folder))).exists()
    for body in (b"", b"not emptied, for the volume refused that"):
        request.write_bytes(request_bytes({**header, "worker": "w"}, body))
        with pytest.raises(RuntimeError, match="Another process has begun this attempt"):
            StepAttempt(folder, output.Captures(), None).run()


def test_an_outbox_masks_what_it_writes(tmp_path: Path) -> None:
    mask = Mask()
    mask.add(["hunter2"])
    outbox = Outbox(tmp_path / "a0", output.Capture(), mask)
    outbox.open()
    outbox.add_event('{"__class__": "EventLogEntry", "user_message": "hunter2"}')
    outbox.close(Done("STEP_SUCCESS"))
    messages = [Message.from_bytes(file.read_bytes()) for file in (tmp_path / "a0").glob("m-*")]
    assert [event for message in messages for event in message.events] == [
        json.dumps({"__class__": "EventLogEntry", "user_message": MASK})
    ]


def test_neither_the_run_nor_the_output_on_databricks_shows_a_secret(
    workbench: Workbench, capfd: pytest.CaptureFixture[str]
) -> None:
    """One of the secrets is a part of the asset's name, which stays."""
    client = workbench.launcher._clients.get()
    client.secrets.create_scope("pipeline")
    for key, value in (("word", AWKWARD), ("name", "discreet")):
        client.secrets.put_secret("pipeline", key, string_value=value)
    references = [SecretReference(f"SAMPLE_SECRET_{key.upper()}", "pipeline", key) for key in ("word", "name")]
    workbench.configure(secrets=tuple(references))
    result = workbench.materialize("indiscreet")
    assert not result.success
    assert workbench.notes("indiscreet") == [AWKWARD]
    said = workbench.texts(result) + workbench.emulator.task_log(workbench.emulator.runs[0]) + capfd.readouterr().out
    for how in ("printed", "spelled", "in bytes", "raised", "observed"):
        assert f"{how} {MASK}" in said
    for part in ('pa"ss', "wörd", "w\\xf6rd", "w\\u00f6rd"):
        assert part not in said
    [observed] = workbench.instance.fetch_observations(dg.AssetKey("indiscreet"), limit=2).records
    assert observed.asset_observation.metadata["all"].data == {MASK: MASK}
    failures = workbench.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert [entry.step_key for entry in failures] == ["indiscreet"]
