"""Questions to a person at a terminal, each with what is proposed as its answer."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.cli.new.ask import Proposal

_FEW = 20
"""So many choices are listed; of more, one is typed, with completion."""


class Cancelled(KeyboardInterrupt):
    """The person wants no project."""


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
