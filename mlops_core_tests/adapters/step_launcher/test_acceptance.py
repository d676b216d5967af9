"""What comes back from a cluster is bounded, and of the step that is followed: anything else is refused by name."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import AssetObservationData, DagsterEvent, EngineEventData, StepMaterializationData
from dagster._core.execution.plan.objects import StepSuccessData
from dagster._serdes import serialize_value

from mlops_core.adapters.step_launcher.acceptance import Acceptance, RefusedMessageError
from mlops_core.adapters.step_launcher.dagster_internals import identity
from mlops_core.adapters.step_launcher.protocol import MOST_BYTES, MOST_EVENT_CHARACTERS, Done, Message
from mlops_core.adapters.step_launcher.remote import output
from mlops_core.adapters.step_launcher.remote.masking import Mask
from mlops_core.adapters.step_launcher.remote.outbox import Outbox
from mlops_core.adapters.step_launcher.step_scope import StepScope
from mlops_core_tests.adapters.step_launcher.test_faults import error_of
from mlops_core_tests.adapters.step_launcher.workbench import Workbench, materialize

FILE = "/Volumes/a/b/c/runs/mine/steps/fares/a0/m-00001.json.gz"
FARES = dg.AssetKey("fares")
CHECKS = frozenset({dg.AssetCheckKey(FARES, "is_fine")})
SCOPE = StepScope("mine", "fares", frozenset({FARES}), CHECKS, frozenset({dg.AssetKey("trips")}))
SUCCESS = ("STEP_SUCCESS", StepSuccessData(duration_ms=1.0))


def line(text: str = "hello", **changes: Any) -> dg.EventLogEntry:
    entry = dg.EventLogEntry(None, 20, text, "mine", 1.5, step_key="fares", job_name="job", dagster_event=None)
    return entry._replace(**changes)


def told(kind: str, data: Any = None, step: str = "fares", **changes: Any) -> dg.EventLogEntry:
    event = DagsterEvent(kind, "job", event_specific_data=data, step_key=step)
    return line("", dagster_event=event, **{"step_key": step, **changes})


def made(asset: str, partition: str | None = None) -> dg.EventLogEntry:
    return told("ASSET_MATERIALIZATION", StepMaterializationData(dg.AssetMaterialization(asset, partition=partition)))


def observed(asset: str) -> dg.EventLogEntry:
    return told("ASSET_OBSERVATION", AssetObservationData(dg.AssetObservation(asset)))


def judged(asset: str, check: str) -> dg.EventLogEntry:
    evaluation = dg.AssetCheckEvaluation(dg.AssetKey(asset), check, passed=True, metadata={})
    return told("ASSET_CHECK_EVALUATION", evaluation)


def accepted(*entries: dg.EventLogEntry | str, acceptance: Acceptance | None = None) -> list[dg.EventLogEntry]:
    texts = (entry if isinstance(entry, str) else serialize_value(entry) for entry in entries)
    return [entry for entry, _ in (acceptance or Acceptance(SCOPE, set())).entries(FILE, Message(tuple(texts)))]


def test_what_a_step_says_of_itself_is_accepted_once_and_in_its_order() -> None:
    said = [
        told("STEP_START"),
        line(),
        line("of the process", step_key=None),
        observed("trips"),
        made("fares", "monday"),
        made("fares", "tuesday"),
        observed("fares"),
        judged("fares", "is_fine"),
        told(*SUCCESS),
        told("ENGINE_EVENT", EngineEventData({}), timestamp=2.5),
    ]
    acceptance = Acceptance(SCOPE, {identity(said[0])})
    texts = tuple(serialize_value(entry) for entry in (*said, *said))
    found = acceptance.entries(FILE, Message(texts))
    assert [entry for entry, _ in found] == said
    assert [is_new for _, is_new in found] == [False] + [True] * 9
    assert acceptance.entries(FILE.replace("1", "2"), Message(texts)) == []
    assert acceptance.final == "STEP_SUCCESS"


@pytest.mark.parametrize(
    ("forged", "why"),
    [
        (line("x", run_id="another"), "an entry of the run another"),
        (told(*SUCCESS, run_id="another"), "an entry of the run another"),
        (line("x", step_key="other"), "a line of the step other"),
        (told(*SUCCESS, step="other"), "an event of the step other"),
        (told(*SUCCESS, step="other", step_key="fares"), "an event of the step other"),
        (told(*SUCCESS, step_key=None), "an event of the step None"),
        (told("PIPELINE_FAILURE"), "the event PIPELINE_FAILURE, which no step reports"),
        *(
            (told(kind), f"the event {kind}, which no step reports")
            for kind in ("STEP_SKIPPED", "HOOK_COMPLETED", "LOGS_CAPTURED", "RUN_RESUMED")
        ),
        *(
            (
                told("ENGINE_EVENT", EngineEventData({name: "of another"})),
                f"ENGINE_EVENT with {name}, by which the host",
            )
            for name in ("databricks_run", "databricks_run_id", "databricks_worker")
        ),
        (told("ALERT_START"), "the event ALERT_START, which no step reports"),
        (
            made("champion"),
            "ASSET_MATERIALIZATION of the asset champion, which its op does not declare; if it may report that, "
            'give the op the tag databricks/reports = ["champion"]. ',
        ),
        (made("trips"), "ASSET_MATERIALIZATION of the asset trips"),
        (observed("champion"), "ASSET_OBSERVATION of the asset champion"),
        (judged("fares", "another"), "a result of the check fares:another"),
        (judged("champion", "is_fine"), "a result of the check champion:is_fine"),
        (line(timestamp=float("nan")), "an entry with the time nan"),
        (line(timestamp=1e300), "an entry with the time 1e"),
    ],
)
def test_what_another_step_may_say_is_refused_by_the_name_of_its_file(forged: dg.EventLogEntry, why: str) -> None:
    with pytest.raises(RefusedMessageError) as refused:
        accepted(line(), forged)
    assert refused.value.description.startswith(f"The message {FILE} is refused: it has {why}")
    assert not refused.value.allow_retries


@pytest.mark.parametrize("after", [told(*SUCCESS, timestamp=2.5), made("fares"), told("STEP_START")])
def test_nothing_of_a_step_comes_after_its_final_event(after: dg.EventLogEntry) -> None:
    with pytest.raises(RefusedMessageError, match="after STEP_SUCCESS"):
        accepted(told(*SUCCESS), after)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{}", "null", "7", '"text"', "[" * 100_000, '{"__class__": "EventLogEntry"}', '{"__class__": "Nothing"}'),
        serialize_value(dg.AssetKey("fares")),
        serialize_value(made("fares")).replace("ASSET_MATERIALIZATION", "STEP_SUCCESS"),
        serialize_value(made("fares")).replace("ASSET_MATERIALIZATION", "NO_EVENT"),
        serialize_value(told("STEP_START")).replace("STEP_START", "ASSET_MATERIALIZATION"),
        serialize_value(line()).replace("1.5", '"now"'),
        serialize_value(line()).replace('"fares"', '["fares"]'),
    ],
)
def test_json_that_is_no_event_is_refused(text: str) -> None:
    with pytest.raises(RefusedMessageError, match=r"m-00001\.json\.gz is refused"):
        accepted(text)


def test_a_message_that_grows_too_large_is_refused_and_one_that_is_none_is_waited_for() -> None:
    acceptance = Acceptance(SCOPE, set())
    whole = Message(("{}",), "out", "err", Done("STEP_SUCCESS"))
    assert acceptance.message(FILE, whole.to_bytes()) == whole
    with pytest.raises(RefusedMessageError, match="m-00001.* has more than 32 MiB"):
        acceptance.message(FILE, gzip.compress(b" " * (MOST_BYTES + 1), 1))
    odd = [
        [],
        7,
        {},
        "x",
        {"events": 7},
        *({**json.loads(gzip.decompress(whole.to_bytes())), **change} for change in ODD),
    ]
    broken = [json.dumps(one).encode() for one in odd] + [b"[" * 100_000, b"\xff", b""]
    for data in (None, b"", b"no gzip", whole.to_bytes()[:-9], *(gzip.compress(one) for one in broken)):
        assert acceptance.message(FILE, data) is None


ODD: list[dict[str, Any]] = [
    *({"events": [7]}, {"events": None}, {"out": 7}, {"err": None}, {"done": 7}),
    *({"done": {"final_event": 7}}, {"done": {"final_event": None, "error": []}}, {"done": {"other": 1}}),
]


def test_the_final_event_decides_how_the_attempt_ended() -> None:
    acceptance = Acceptance(SCOPE, set())
    with pytest.raises(RefusedMessageError, match="it says STEP_SUCCESS, an event that did not come"):
        acceptance.done(FILE, Message(done=Done("STEP_SUCCESS")))
    assert acceptance.done(FILE, Message(done=Done(None, "a traceback"))) == Done(None, "a traceback")
    accepted(told(*SUCCESS), acceptance=acceptance)
    assert acceptance.done(FILE, Message(done=Done("STEP_SUCCESS"))) == Done("STEP_SUCCESS")
    assert acceptance.done(FILE, Message(done=Done(None, "a resource did not close"))) == Done("STEP_SUCCESS")
    with pytest.raises(RefusedMessageError, match="STEP_FAILURE, an event that did not come"):
        acceptance.done(FILE, Message(done=Done("STEP_FAILURE")))


def test_events_that_are_too_many_for_a_message_come_in_several(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "a0", output.Capture(), Mask())
    large = [serialize_value(line(f"{number}" * (MOST_EVENT_CHARACTERS // 2))) for number in range(5)]
    for text in large:
        outbox.add_event(text)
    outbox.close(Done("STEP_SUCCESS"))
    messages = [Message.from_bytes(file.read_bytes()) for file in sorted((tmp_path / "a0").glob("m-*"))]
    assert [event for message in messages for event in message.events] == large
    assert len(messages) > len(large) / 2
    assert [message.done for message in messages if message.done] == [Done("STEP_SUCCESS")]


@pytest.mark.slow
def test_steps_that_speak_for_others_fail_and_nothing_of_that_is_stored(workbench: Workbench) -> None:
    workbench.configure(timing=replace(workbench.settings.timing, ending_grace_s=1.0))
    result = workbench.materialize("speaks_for_the_run", "speaks_for_another", "breaks_its_message", "numbers")
    assert not result.success
    assert result.dagster_run.status == workbench.instance.get_run_by_id(result.run_id).status
    assert workbench.instance.get_run_by_id(result.run_id).status == dg.DagsterRunStatus.FAILURE
    assert workbench.instance.get_latest_materialization_event(dg.AssetKey("champion")) is None
    assert len(workbench.notes("numbers")) == 1
    errors = error_of(workbench, result)
    assert "/steps/speaks_for_the_run/a0/m-0" in errors
    assert "PIPELINE_CANCELED, which no step reports" in errors
    assert "ASSET_MATERIALIZATION of the asset champion, which its op does not declare" in errors
    assert re.search(r"/steps/breaks_its_message/a0/m-\d+.json.gz is refused: it is no message", errors)
    assert len(workbench.emulator.runs) == 1
    assert materialize(workbench.instance, job="speaking").success
    assert workbench.instance.get_latest_materialization_event(dg.AssetKey("champion")) is not None
