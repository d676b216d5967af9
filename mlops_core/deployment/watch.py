"""Watching the alias champion: its holder against the promotion history, tick by tick of a sensor."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from mlops_core.outside_json import cursor_of_kind

NOTHING, RECORDED, DOUBTFUL, BY_HAND = "nothing", "recorded", "doubtful", "by hand"


@dataclass(frozen=True)
class AliasWatch:
    """What the sensor has observed of `model`: the holder and the newest run of its history as of the last of `moves`.

    `at` is when the newest entry that it has seen was written, `asked` the run key of the request after the last move,
    and `told` the run of it that was reported. `doubted` is an observation that looks like a manual move. An alias
    moves just before its entry is written, so it counts only if the next tick sees it too.
    """

    version: int | None = None
    run: str | None = None
    moves: int = 0
    doubted: str = ""
    model: str = ""
    at: float = 0.0
    asked: str = ""
    told: str = ""

    @classmethod
    def read(cls, cursor: str | None, model: str) -> AliasWatch:
        """The observations of `model`; none yet when the cursor is of another one."""
        is_one = cursor and cursor.startswith("{")  # earlier ones were a sentence
        told = cursor_of_kind(cls, cursor) if cursor and is_one else cls()
        return replace(told, model=model) if told.model in ("", model) else cls(model=model)

    def written(self) -> str:
        return json.dumps(asdict(self))

    @property
    def sentence(self) -> str:
        """A description for logs and run keys; `moves` distinguishes repeated moves."""
        return f"version {self.version}, recorded in run {self.run}, after {self.moves} moves"

    def observe(
        self, holder: int | None, recorded: int | None, run: str | None, at: float = 0.0
    ) -> tuple[str, AliasWatch]:
        """The event, and the watch after it.

        Args:
            holder: the version that holds the alias.
            recorded, run, at: version, Dagster run and moment of the newest entry of the history.
        """
        was_shortened = run != self.run and at < self.at  # a run was deleted, or the asset wiped: no move of the alias
        if holder == self.version and (run == self.run or was_shortened):
            return NOTHING, replace(self, doubted="", at=max(at, self.at))
        moved = AliasWatch(holder, run, self.moves + 1, model=self.model, at=max(at, self.at))
        if run != self.run and holder == recorded and not was_shortened:
            return RECORDED, moved
        seen = f"{holder} after {run}"
        return (BY_HAND, moved) if self.doubted == seen else (DOUBTFUL, replace(self, doubted=seen))
