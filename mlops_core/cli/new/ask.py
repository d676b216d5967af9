"""What is proposed, with its reason, and how a person decides on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mlops_core.cli.new.errors import NewProjectError

GIVEN, CHOSEN = "given", "chosen"
"""The reasons of what a person said, by an argument or at the terminal."""


@dataclass(frozen=True)
class Proposal:
    """A value, empty when nothing tells, and why it."""

    value: str
    reason: str


@dataclass(frozen=True)
class Line:
    """What people read of a decision before anything is written."""

    what: str
    value: str
    reason: str


class Ask(Protocol):
    """Decides on one question; `argument` of the command answers it too."""

    def __call__(self, argument: str, question: str, proposal: Proposal, choices: Sequence[str] = ()) -> str: ...


@dataclass
class Decisions:
    """What was given, asked or proposed, in the order in which it was decided."""

    ask: Ask
    lines: list[Line] = field(default_factory=list)

    def settle(self, argument: str, question: str, given: str, proposal: Proposal, choices: Sequence[str] = ()) -> str:
        """The value that was given, else what a person decides on the proposal."""
        value = given or self.ask(argument, question, proposal, choices)
        what = argument.removeprefix("--").replace("-", " ")
        reason = GIVEN if given else proposal.reason if value == proposal.value else CHOSEN
        self.lines[:] = [line for line in self.lines if line.what != what]  # a value that is judged again
        self.tell(what, value, reason)
        return value

    def is_a_persons(self, argument: str) -> bool:
        """Whether a person said it otherwise than, or without, what was proposed."""
        what = argument.removeprefix("--").replace("-", " ")
        return any(line.what == what and line.reason in (GIVEN, CHOSEN) for line in self.lines)

    def tell(self, what: str, value: str, reason: str) -> None:
        """Something that is proposed and not asked: it is changed in the project's files."""
        self.lines.append(Line(what, value, reason))


def accept(argument: str, question: str, proposal: Proposal, choices: Sequence[str] = ()) -> str:  # noqa: ARG001
    """What is proposed, where nobody can be asked.

    Raises:
        NewProjectError: nothing is.
    """
    if not proposal.value:
        among = f" (choose from {', '.join(choices)})" if choices else ""
        raise NewProjectError(f"{proposal.reason}: say it with {argument}{among}.")
    return proposal.value
