"""What data says stays text wherever people see it: on a console, and in Markdown as a renderer reads it."""

from __future__ import annotations

import re
from io import StringIO

import click
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mlops_core.cli.saying import say
from mlops_core.shown_text import as_csv, as_markdown, printable

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[pay](javascript:alert(1))",
    "![x](https://evil.invalid/x.png)",
    "<https://evil.invalid>",
    "a|b\n| c | d |",
    "\\[x](https://evil.invalid)",
    "\\<b>",
    "*a* `b` ~~c~~ &lt;b&gt;",
]


def cell(text: str) -> str:
    """What a renderer that lets HTML through shows of the text in a table's cell."""
    found = MarkdownIt("js-default", {"html": True}).render(f"| a | b |\n|---|---|\n| {as_markdown(text)} | end |\n")
    _, row = re.findall(r"<tr>.*?</tr>", found, re.DOTALL)
    first, last = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)
    assert last == "end"
    return first


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_as_they_are(text: str) -> None:
    shown = cell(text)
    assert "<" not in shown
    plain = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert plain == " ".join(text.split())


@settings(max_examples=150, deadline=None)
@given(text=st.text(st.sampled_from("<>a/!?[]()*`~|\\&;#\n :h.x\"'"), min_size=1, max_size=12).filter(str.strip))
def test_no_text_makes_an_element(text: str) -> None:
    assert "<" not in cell(text)


def test_a_console_shows_no_control_characters_and_no_secrets() -> None:
    @click.command()
    def command() -> None:
        say("zip \x1b[2J\x1b]0;owned\x07 \u202egnp\tof\nhttps://x?sig=swordfish", fg="red")

    shown = CliRunner().invoke(command, color=False).output
    assert shown == "zip \\x1b[2J\\x1b]0;owned\\x07 \\u202egnp\tof\nhttps://x?sig=[secret]\n"


def test_texts_of_any_language_stay() -> None:
    text = "Jané's naïve Zoë, 東京, 🚕, a\tb\nc"
    assert printable(text) == text


def test_a_spreadsheet_computes_nothing_that_data_says() -> None:
    texts = ["=HYPERLINK(1)", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "plain", "-7", "-1.5e3", "a=b", ""]
    shown = as_csv(pd.DataFrame({"segment": texts, "rows": -1.5}))
    read = pd.read_csv(StringIO(shown), keep_default_na=False, dtype={"segment": str})
    assert read["segment"].tolist() == [f"'{text}" for text in texts[:5]] + texts[5:]
    assert read["rows"].tolist() == [-1.5] * len(texts)
