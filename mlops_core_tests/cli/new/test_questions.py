"""At a terminal the command asks, with what it proposes as the answer; Ctrl-C writes nothing."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.questions import Cancelled, Interview, ask, confirmed
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


def test_only_the_answers_that_a_refusal_names_are_asked_again(keys: object) -> None:
    interview = Interview()
    keys.send_text(ENTER + ENTER + ENTER)  # type: ignore[attr-defined]
    for argument in ("--noun", "--known-at", "--known-at-sql"):
        interview(argument, "What?", Proposal("taken", ""))
    assert interview.forget("--known-at is 'taken', which it can't be.")
    keys.send_text("\x15other" + ENTER)  # type: ignore[attr-defined]
    said = [interview(each, "What?", Proposal("proposed", "")) for each in ("--noun", "--known-at", "--known-at-sql")]
    assert said == ["taken", "other", "taken"]


def test_a_person_goes_on_from_the_text_that_was_refused(keys: object) -> None:
    interview = Interview()
    keys.send_text("data/row.csv" + ENTER)  # type: ignore[attr-defined]
    interview("--rows", "Where?", Proposal("", ""))
    assert interview.forget("Nothing is there.")  # the only answer that there is
    keys.send_text("\x7f" * 4 + "s.csv" + ENTER)  # type: ignore[attr-defined]
    assert interview("--rows", "Where?", Proposal("", "")) == "data/rows.csv"


def test_what_no_answer_mends_is_not_asked_again(keys: object) -> None:
    interview = Interview()
    assert not interview.forget("--noun is given, and wrong.")
    keys.send_text(ENTER)  # type: ignore[attr-defined]
    interview("--noun", "What?", Proposal("order", ""))
    assert not interview.forget("The rows have no column with a time: add one.")


def test_a_choice_that_is_gone_is_asked_again(keys: object) -> None:
    interview = Interview({"--label": "late"})
    keys.send_text(ENTER)  # type: ignore[attr-defined]
    assert interview("--label", "What?", Proposal("delay", ""), ["delay", "distance"]) == "delay"


def test_a_wrong_answer_is_asked_again_with_the_reason_and_the_others_stay(tmp_path: Path) -> None:
    """At a real terminal: a name, a path and a noun that can't be, each mended, and Ctrl-C in the end."""
    file = written(orders(), tmp_path)
    root = tmp_path / "repository"
    root.mkdir()
    with at_a_terminal(["--root", str(root)]) as terminal:
        terminal.answer("called?", "class\r")
        terminal.until("keyword of Python")
        terminal.answer("called?", "\x15churn\r")
        terminal.answer("Where are the rows", f"{tmp_path / 'nowhere.csv'}\r")
        terminal.until("set --rows to a parquet or CSV file")
        terminal.answer("Where are the rows", f"\x15{file}\r")
        terminal.answer("one row called?", "\x15order!\r")
        terminal.until("use lower-case letters")
        terminal.answer("one row called?", "\x15order\r")
        terminal.answer("When does an event happen", CTRL_C)
        terminal.until("Nothing was written")
    assert list(root.iterdir()) == []


def test_ctrl_c_at_the_last_question_writes_nothing(tmp_path: Path) -> None:
    file = written(orders(), tmp_path)
    root = tmp_path / "repository"
    root.mkdir()
    said = ["--kind", "binary", "--event-time", "ordered_at", "--known-at", "delivered_at", "--label", "late"]
    said += ["--identity", "order_id", "--entity", "shop", "--noun", "order", "--owner", "team:shops"]
    with at_a_terminal(["churn", *said, "--rows", str(file), "--root", str(root)]) as terminal:
        terminal.until("held out")
        terminal.answer("Write the project churn?", CTRL_C)
        terminal.until("Nothing was written")
    assert list(root.iterdir()) == []


class Terminal:
    """What a terminal shows, read on and on, and where a person types."""

    def __init__(self, master: int) -> None:
        self._master, self._shown = master, ""

    def until(self, wanted: str) -> None:
        """Wait until it shows that, after what was waited for before; answers where its cursor is."""
        end = time.monotonic() + 120
        while wanted not in self._shown:
            assert time.monotonic() < end, self._shown
            if select.select([self._master], [], [], 1)[0]:
                part = os.read(self._master, 65_536).decode(errors="replace")
                if "\x1b[6n" in part:
                    os.write(self._master, b"\x1b[1;1R")
                self._shown += part
        self._shown = self._shown.partition(wanted)[2]

    def answer(self, question: str, typed: str) -> None:
        """Wait for the question, which listens when it is shown."""
        self.until(question)
        os.write(self._master, typed.encode())


@contextmanager
def at_a_terminal(said: list[str]) -> Iterator[Terminal]:
    """The command at a terminal of its own."""
    master, slave = pty.openpty()
    call = [sys.executable, "-m", "mlops_core.cli.new", *said]
    process = subprocess.Popen(call, stdin=slave, stdout=slave, stderr=slave, cwd=Path(__file__).parents[3])
    os.close(slave)
    try:
        yield Terminal(master)
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        os.close(master)
