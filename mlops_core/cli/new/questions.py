"""Questions to a person at a terminal, each with what is proposed as its answer; what is refused is asked again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mlops_core.cli.new.ask import Proposal

_FEW = 20
"""So many choices are listed; of more, one is typed, with completion."""


_ARGUMENT = re.compile(r"--[a-z]+(?:-[a-z]+)*")
_CHECKED_AT_ONCE = ("NAME", "--rows")


class Cancelled(KeyboardInterrupt):
    """The person wants no project."""


@dataclass
class Interview:
    """Asks each question once, however often what follows from the answers is worked out again.

    Args:
        said: Argument -> the answer, in the order in which they were given.
        refused: Argument -> the answer that was refused, which a person goes on from.
    """

    said: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def __call__(self, argument: str, question: str, proposal: Proposal, choices: Sequence[str] = ()) -> str:
        said = self.said.get(argument)
        if said is None or (choices and said not in choices):
            typed = "" if choices else self.refused.get(argument, "")
            self.said[argument] = ask(argument, question, Proposal(typed or proposal.value, proposal.reason), choices)
        return self.said[argument]

    def forget(self, refusal: str) -> bool:
        """Forget the answers that a refusal is about; False when it is about none, and asking again is no use.

        It names the arguments that would mend it, or follows at once from the only answer there is.
        """
        named = set(_ARGUMENT.findall(refusal))
        last = [argument for argument in list(self.said)[-1:] if argument in _CHECKED_AT_ONCE]
        wrong = [argument for argument in self.said if argument.partition(" ")[0] in named] or last
        self.refused |= {argument: self.said.pop(argument) for argument in wrong}
        return bool(wrong)


def ask(argument: str, question: str, proposal: Proposal, choices: Sequence[str] = ()) -> str:
    """The person's answer, which `argument` of the command would have given as well."""
    import questionary

    hint = f"{question}  [{argument}{f'; {proposal.reason}' if proposal.reason else ''}]"
    default = proposal.value
    if choices and len(choices) <= _FEW:
        known = default if default in choices else None
        answer = questionary.select(hint, choices=list(choices), default=known).ask(kbi_msg="")
    elif choices:
        answer = questionary.autocomplete(hint, choices=list(choices), default=default).ask(kbi_msg="")
    else:
        answer = questionary.text(hint, default=default, validate=lambda text: bool(text.strip())).ask(kbi_msg="")
    if answer is None:
        raise Cancelled
    return str(answer).strip()


def confirmed(question: str) -> bool:
    """Whether the person wants to go on."""
    import questionary

    return bool(questionary.confirm(question, default=True).ask(kbi_msg=""))
