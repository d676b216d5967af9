"""What has happened to the alias champion, from who holds it and what the history says, tick by tick of a sensor."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

NOTHING, RECORDED, DOUBTFUL, BY_HAND = "nothing", "recorded", "doubtful", "by hand"


@dataclass(frozen=True)
class AliasWatch:
    """What the sensor has noticed of `model`: its holder and the newest run of its history as of the last of `moves`.

    `at` is when the newest entry was written that it has seen, `asked` the run key of what was asked for after the last
    move, and `told` the run of it that people were told of. `doubted` is what was seen once and looks like a move by
    hand. An alias moves just before its entry is written, so only what the next tick sees too is one.
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
        """What was noticed of `model`, which is nothing yet when the cursor tells of another one."""
        told = json.loads(cursor) if cursor and cursor.startswith("{") else {}  # earlier ones were a sentence
        return cls(**{"model": model, **told}) if told.get("model", model) == model else cls(model=model)

    def written(self) -> str:
        return json.dumps(asdict(self))

    @property
    def sentence(self) -> str:
        """For people, and with `moves`, which tells equal moves apart, for run keys."""
        return f"version {self.version}, recorded in run {self.run}, after {self.moves} moves"

    def observe(
        self, holder: int | None, recorded: int | None, run: str | None, at: float = 0.0
    ) -> tuple[str, AliasWatch]:
        """What has happened, and what is known after it.

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
