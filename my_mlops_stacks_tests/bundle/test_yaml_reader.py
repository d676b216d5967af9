"""Scalars as the bundle CLI reads them: what yaml.v3 3.0.1, with the rules of the CLI's loader, gave for each."""

from __future__ import annotations

import math

import pytest
import yaml

from mlops_core.config.scalars import as_bool, as_float, as_int, as_text, within_text
from mlops_core.config.yaml_reader import BundleLoader, Moment

# What is written -> the text that the CLI puts where a text is asked for; None is no value.
TEXTS = {
    **{
        word: word
        for word in ("no", "No", "yes", "on", "off", "y", "n", "tRue", "nULL", "12:30", "190:20:30", "=", ".")
    },
    **{"true": "true", "True": "true", "TRUE": "true", "False": "false"},
    **{"~": None, "null": None, "Null": None, "NULL": None, "": None},
    **{"010": "10", "0010": "10", "-010": "-10", "00": "0", "-0": "0", "+12": "12", "08": "8", "12e03": "12000"},
    **{"0o14": "12", "0x1F": "31", "-0x1F": "-31", "0b101": "5", "0x": "0x", "0b": "0b", "0o8": "0o8"},
    **{"1_000": "1000", "0_10": "8", "-1_0": "-10", "_1": "_1", "1_000.5": "1000.5", "._5": "._5", "0x_1F": "31"},
    **{"1e-3": "0.001", "1E3": "1000", "1.0": "1", "1.50": "1.5", ".5": "0.5", "5.": "5", "-.5": "-0.5", "1e": "1e"},
    **{"1e22": "10000000000000000000000", "1e-7": "0.0000001", "1e400": "1e400", "1.2.3": "1.2.3"},
    **{".inf": "+Inf", "-.Inf": "-Inf", ".NaN": "NaN", "+.nan": "+.nan"},
    **{"9223372036854775807": "9223372036854775807", "18446744073709551616": "18446744073709552000"},
    **{"2016-01-01": "2016-01-01", "2016-1-5": "2016-1-5", "2016-01-01 10:00:00": "2016-01-01 10:00:00"},
    **{"2016-01-01T10:00:00Z": "2016-01-01T10:00:00Z", "20160101": "20160101", "2016-13-01": "2016-13-01"},
    **{'"no"': "no", "'010'": "010", "!!str 010": "010", "!!str 2016-01-01": "2016-01-01"},
}
REFUSED = ["1__0", "1_", "9223372036854775808", "1_.5", "7_e6"]


def read(text: str) -> object:
    return yaml.load(f"a: {text}\n", BundleLoader)["a"]


@pytest.mark.parametrize(("written", "text"), TEXTS.items())
def test_a_scalar_is_the_text_that_the_cli_makes_of_it(written: str, text: str | None) -> None:
    assert as_text(read(written)) == text


@pytest.mark.parametrize("written", REFUSED)
def test_a_number_that_the_cli_refuses_is_refused_with_its_line(written: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match="is no number that the bundle CLI reads: put it into quotes"):
        read(written)


# What is written -> what Go's fmt.Sprint makes of it, which the CLI puts into the middle of a longer text.
WITHIN = {
    **{"100000.0": "100000", "1000000.0": "1e+06", "1234567.5": "1.2345675e+06", "123456.75": "123456.75"},
    **{"0.0001": "0.0001", "0.00001": "1e-05", "1e-7": "1e-07", "1e22": "1e+22", "-.inf": "-Inf", "0.0": "0"},
    **{"true": "true", "010": "10", "no": "no"},
}


@pytest.mark.parametrize(("written", "text"), WITHIN.items())
def test_a_scalar_within_a_text_is_written_as_go_writes_it(written: str, text: str) -> None:
    assert within_text(read(written)) == text


def test_where_another_kind_is_asked_for_the_cli_makes_it_of_a_text() -> None:
    assert [as_bool(word) for word in ("yes", "off", "N", "true", True, "never", 1)] == [
        *(True, False, False, True, True, "never", 1)
    ]
    assert [as_int(value) for value in ("7", "+07", 7.0, 7.5, "7.0", "x", True)] == [7, 7, 7, 7.5, "7.0", "x", True]
    assert [as_float(value) for value in ("5e-2", "7", 7, " 7", "x")] == [0.05, 7.0, 7, " 7", "x"]
    assert math.isinf(as_float("Inf"))


def test_a_date_without_quotes_is_told_from_a_text() -> None:
    assert isinstance(read("2016-01-01"), Moment)
    assert not isinstance(read('"2016-01-01"'), Moment)


def test_of_merged_mappings_the_last_wins_and_own_entries_win_over_all() -> None:
    """The CLI differs here from YAML's specification, after which the first of a list of mappings wins."""
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\nd: {<<: *c, y: 4}\n"
    text = text.replace("c:\n", "c: &c\n")
    content = yaml.load(text, BundleLoader)
    assert content["c"] == {"x": 2, "y": 1, "z": 3}
    assert content["d"] == {"x": 2, "y": 4, "z": 3}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: {x: 1, x: 2}", "the key x is written twice"),
        ("a: {1: x}", "a key is no text: put it into quotes"),
        ("a: {<<: 5}", "<< takes a mapping, or a list of mappings"),
    ],
)
def test_a_malformed_mapping_is_refused(text: str, problem: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError, match=problem):
        yaml.load(text, BundleLoader)


def test_words_of_yaml_1_1_are_keys_like_others() -> None:
    assert yaml.load("on: 1\nno: 2\nnull: 3\n", BundleLoader) == {"on": 1, "no": 2, "null": 3}
