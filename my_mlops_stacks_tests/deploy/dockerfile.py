"""What a Dockerfile and its .dockerignore say, read as Docker reads them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The words of its JSON form, or those between spaces; without options (--from=build)."""
        if self.text.startswith("["):
            return json.loads(self.text)
        return [word for word in self.text.split() if not word.startswith("--")]


def instructions(file: Path) -> list[Instruction]:
    lines = [line for line in file.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def last(file: Path, name: str) -> Instruction:
    """The instruction that counts: the last of its name, in the last stage."""
    return [one for one in instructions(file) if one.name == name][-1]


def health_check(file: Path) -> list[str]:
    return json.loads(last(file, "HEALTHCHECK").text.split("CMD", 1)[1])


def is_sent(path: str, ignore_file: Path) -> bool:
    """Whether .dockerignore leaves `path` in what is sent to the build: the last pattern that fits it decides."""
    sent = True
    for line in ignore_file.read_text().splitlines():
        pattern = line.strip()
        if pattern and not pattern.startswith("#") and _fits(path, pattern.removeprefix("!")):
            sent = pattern.startswith("!")
    return sent


def _fits(path: str, pattern: str) -> bool:
    """A pattern fits a path when it matches it or a folder above it; `**/` stands for any folders, also none."""
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    regular = "(.*/)?".join(_one_folder(part) for part in pattern.split("**/"))
    return any(re.fullmatch(regular, candidate) for candidate in above)


def _one_folder(pattern: str) -> str:
    return re.sub(r"\\\*", "[^/]*", re.escape(pattern)).replace(r"\[", "[").replace(r"\]", "]")
