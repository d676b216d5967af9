"""How columns of CSV are read that are not in a format which every reader takes."""

from __future__ import annotations

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.proposals.profile import Profile

TEXT = "text"
"""Said of a column that is none of numbers or times, or of which nobody knows how to read it."""


def formats_of(profile: Profile, decide: Decisions) -> list[str]:
    """What was decided, as column=format, of columns that may be in several formats; nothing where all stay text."""
    decided = {}
    for name, reading in profile.readings.items():
        if reading.csv_format:
            decide.tell("csv format", f"{name}: {reading.csv_format}", reading.reason)
            continue
        decided[name] = decide.settle(
            f"--csv-format {name}",
            f"How is '{name}' to be read?",
            "",
            Proposal(TEXT, f"{reading.reason}: --csv-format {name}={reading.possible[0]} reads it so"),
            (*reading.possible, TEXT),
        )
    is_all_text = not {*decided.values()} - {TEXT}
    return [] if is_all_text else [f"{name}={said}" for name, said in decided.items()]
