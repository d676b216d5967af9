"""Names of folders that are good for a file system, and in which some engine reads more than a name."""

from __future__ import annotations

ODD_NAMES = (
    "My Projects",
    "Jané's [app] #1 50%",
    "o'clock",
    "what?",
    "a*b",
    "{a,b}",
    "[ab]",
    "b[",
    "c{",
    "~home",
    'say "yes"',
    "日本",
    "e\u0301 decomposed",
    "a b ",
    "$HOME `x`",
    "<|>^",
)
