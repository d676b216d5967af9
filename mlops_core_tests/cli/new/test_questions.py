"""At a terminal the command asks, with what it proposes as the answer; Ctrl-C writes nothing."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.questions import Cancelled, ask, confirmed
from mlops_core_tests.cli.new.tables import orders, written

ENTER, DOWN, CTRL_C = "\r", "\x1b[B", "\x03"


@pytest.fixture
def keys() -> Iterator[object]:
    """What is typed, into the real prompts."""
    with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
        yield typed


def test_enter_takes_what_is_proposed(keys: object) -> None:
    keys.send_text(ENTER)  # type: ignore[attr-defined]
    assert ask("--label", "What?", Proposal("late", "looks like one"), ["distance", "late"]) == "late"


def test_another_choice_is_taken(keys: object) -> None:
    keys.send_text(DOWN + ENTER)  # type: ignore[attr-defined]
    assert ask("--label", "What?", Proposal("distance", ""), ["distance", "late"]) == "late"


def test_a_text_is_typed_over_what_is_proposed(keys: object) -> None:
    keys.send_text("\x15order" + ENTER)  # type: ignore[attr-defined]
    assert ask("--noun", "What?", Proposal("row", "")) == "order"


def test_nothing_typed_is_no_answer(keys: object) -> None:
    keys.send_text(ENTER + "churn" + ENTER)  # type: ignore[attr-defined]
    assert ask("NAME", "What?", Proposal("", "")) == "churn"


def test_of_many_choices_one_is_typed(keys: object) -> None:
    keys.send_text("c17" + ENTER)  # type: ignore[attr-defined]
    assert ask("--label", "What?", Proposal("", ""), [f"c{number}" for number in range(40)]) == "c17"


@pytest.mark.parametrize("choices", [[], ["a", "b"]])
def test_ctrl_c_cancels(keys: object, choices: list[str]) -> None:
    keys.send_text(CTRL_C)  # type: ignore[attr-defined]
    with pytest.raises(Cancelled):
        ask("--label", "What?", Proposal("a", ""), choices)


def test_no_is_no(keys: object) -> None:
    keys.send_text("n")  # type: ignore[attr-defined]
    assert not confirmed("Write?")


def test_what_was_said_is_not_asked(keys: object) -> None:
    """Nothing is typed: a question would wait for ever."""
    assert Decisions(ask).settle("--label", "What?", "late", Proposal("other", "")) == "late"


def test_ctrl_c_at_the_last_question_writes_nothing(tmp_path: Path) -> None:
    file = written(orders(), tmp_path)
    root = tmp_path / "repository"
    root.mkdir()
    said = ["--kind", "binary", "--event-time", "ordered_at", "--known-at", "delivered_at", "--label", "late"]
    said += [
        "--identity",
        "order_id",
        "--entity",
        "shop",
        "--noun",
        "order",
        "--owner",
        "team:shops",
        "--rows",
        str(file),
        "--root",
        str(root),
    ]
    master, slave = pty.openpty()
    call = [sys.executable, "-m", "mlops_core.cli.new", "churn", *said]
    process = subprocess.Popen(call, stdin=slave, stdout=slave, stderr=slave, cwd=Path(__file__).parents[3])
    os.close(slave)
    shown = read_until(master, "Write the project churn?")
    assert "held out" in shown
    time.sleep(0.5)
    os.write(master, CTRL_C.encode())
    assert "Nothing was written" in read_until(master, "Nothing was written")
    process.wait(30)
    os.close(master)
    assert list(root.iterdir()) == []


def read_until(master: int, wanted: str) -> str:
    """What the terminal shows, until it shows that; answers the terminal's question where its cursor is."""
    shown, end = "", time.monotonic() + 120
    while wanted not in shown and time.monotonic() < end:
        if select.select([master], [], [], 1)[0]:
            try:
                part = os.read(master, 65_536).decode(errors="replace")
            except OSError:  # it ended
                return shown
            if "\x1b[6n" in part:
                os.write(master, b"\x1b[1;1R")
            shown += part
    return shown
