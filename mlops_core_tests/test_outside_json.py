"""Whatever stands where JSON is read that others may have written: an answer or a sentence, and no other error."""

from __future__ import annotations

import base64
import json
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_core.adapters.doctor.authentication import authentication_variables
from mlops_core.adapters.feature_store.registry import DamagedDescriptionError, FeatureTableRegistry, LocalFeatureTable
from mlops_core.adapters.serving.endpoint_file import StoredTraffic, read_traffic
from mlops_core.adapters.serving.protocol import EndpointError, Traffic
from mlops_core.adapters.step_launcher import protocol
from mlops_core.adapters.step_launcher.run_handle import RunHandle
from mlops_core.adapters.step_launcher.staging import StagedCode
from mlops_core.adapters.tables.damage import damage
from mlops_core.defs.alerts import Told
from mlops_core.deployment.endpoint_sample import Sample
from mlops_core.deployment.endpoint_watch import EndpointWatch
from mlops_core.deployment.watch import AliasWatch
from mlops_core.ingestion.arrivals import DaySummaries, DaySummary
from mlops_core.monitoring.retraining import History
from mlops_core.outside_json import NotOfThisKindError, UnreadableCursorError
from mlops_core.version_record import NAMES, TagError, VersionRecord

DEEP = "[" * 200_000
DEEP_MAPPING = '{"seen":' * 200_000
HISTORY = History("e1", 2, "2016-01-05", told="retraining 2 on 2016-01-05", asked="e0")
WATCH = AliasWatch(3, "r1", 2, model="m", at=12.5)
STAGED = StagedCode("a", "b")
STORED = StoredTraffic("m", Traffic(1, 2, 10), 12.5, "a")
TABLE = LocalFeatureTable("t", ("zip",), ("ts",), ("day",), "Trips", {"owner": "a"})
PLACED = {
    "deep": DEEP,
    "deep mapping": DEEP_MAPPING,
    "list": "[1]",
    "null": "null",
    "empty": "",
    "NaN": '{"seen": NaN}',
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def edited(record: dict[str, Any]) -> st.SearchStrategy[str]:
    """The record with one field of another value, any JSON, any text."""
    changed = st.builds(
        lambda name, value: json.dumps({**record, name: value}), st.sampled_from([*record, "x"]), values
    )
    return changed | st.builds(json.dumps, values) | st.text(max_size=20) | st.sampled_from([*PLACED.values()])


def with_file(folder_of: str, read: Callable[[Path], object]) -> Callable[[str], object]:
    """A reader of a folder with a file that has the text."""

    def reads(text: str) -> object:
        with TemporaryDirectory() as folder:
            file = Path(folder, folder_of)
            file.parent.mkdir(parents=True)
            file.write_text(text, encoding="utf-8", errors="surrogatepass")
            return read(Path(folder))

    return reads


def described(folder: Path) -> object:
    return FeatureTableRegistry(folder).get("t")


def damaged(folder: Path) -> object:
    assert list(damage(folder))
    return None


def token(text: str) -> object:
    with TemporaryDirectory() as folder:
        file = Path(folder, "token")
        file.write_text("a." + base64.urlsafe_b64encode(text.encode(errors="replace")).decode() + ".c")
        environ = {"DATABRICKS_AUTH_TYPE": "file-oidc", "DATABRICKS_OIDC_TOKEN_FILE": str(file)}
        return list(authentication_variables(environ))


def message(text: str) -> object:
    return protocol.Message.from_bytes(protocol.gzip.compress(text.encode(errors="replace"), 1))


def tags(text: str) -> object:
    return VersionRecord.from_tags(dict.fromkeys([*NAMES, "trips_version", "champion_in_dagster_run"], text))


def summaries(text: str) -> object:
    return DaySummaries.from_text(base64.b64encode(zlib.compress(text.encode(errors="replace"))).decode())


HANDLE = {"run_id": 7, "url": "https://x", "nodes": {"a": 1}, "worker": None, "left": False, "attempt": None}
READERS: dict[str, tuple[Callable[[str], object], dict[str, Any], tuple[type[Exception], ...]]] = {
    "history of retrainings": (History.read, asdict(HISTORY), (UnreadableCursorError,)),
    "watch of an alias": (lambda text: AliasWatch.read(text, "m"), asdict(WATCH), (UnreadableCursorError,)),
    "told failures": (Told.read, {}, (UnreadableCursorError,)),
    "watch of an endpoint": (EndpointWatch.read, {"asked": "a", "told": "b"}, (UnreadableCursorError,)),
    "summaries of days": (summaries, {"of": "a", "days": {}}, (NotOfThisKindError,)),
    "encoded summaries": (DaySummaries.from_text, {}, (NotOfThisKindError,)),
    "tags of a version": (tags, {}, (TagError,)),
    "handle": (lambda text: RunHandle.parsed(text.encode(errors="replace")), HANDLE, ()),
    "staged code": (lambda text: StagedCode.from_bytes(text.encode(errors="replace")), asdict(STAGED), ()),
    "message": (message, {"events": [], "out": "", "err": "", "done": None}, protocol.NO_MESSAGE),
    "feature table": (with_file("_feature_tables/t.json", described), {"name": "t", "primary_keys": ["zip"]},
                      (DamagedDescriptionError,)),
    "sample of an endpoint": (Sample.from_json, {"records": [{}], "answers": [1.0]}, (NotOfThisKindError,)),
    "traffic of an endpoint": (with_file("of/e.json", lambda folder: read_traffic(folder / "of" / "e.json")),
                               asdict(STORED), (EndpointError,)),
    "token": (token, {"iss": "a", "sub": "b", "aud": "c"}, ()),
}  # fmt: skip


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_text_is_read_or_refused_in_a_sentence(name: str, data: st.DataObject) -> None:
    read, record, refusals = READERS[name]
    text = data.draw(edited(record))
    try:
        read(text)
    except refusals as error:
        assert len(str(error)) < 600


@pytest.mark.parametrize("text", PLACED.values(), ids=PLACED)
def test_a_log_of_a_table_that_is_none_is_damaged(text: str) -> None:
    with_file("t/_delta_log/00000000000000000000.json", damaged)(text)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    assert History.read(HISTORY.written()) == HISTORY
    assert AliasWatch.read(WATCH.written(), "m") == WATCH
    assert AliasWatch.read(WATCH.written(), "another") == AliasWatch(model="another")
    assert AliasWatch.read('{"version": 3, "moves": 1}', "m") == AliasWatch(3, moves=1, model="m")
    assert AliasWatch.read("version 3, recorded in run r1, after 2 moves", "m") == AliasWatch(model="m")
    FeatureTableRegistry(tmp_path).put("t", TABLE)
    assert FeatureTableRegistry(tmp_path).get("t") == TABLE


def test_summaries_are_unpacked_to_a_limit() -> None:
    held = DaySummaries("a", {date(2016, 1, 2): DaySummary(7, datetime(2016, 1, 2, 5), "f", "unparsable zip")})
    assert DaySummaries.from_text(held.to_text()) == held
    endless = base64.b64encode(zlib.compress(b" " * 100_000_000, 1)).decode()
    tracemalloc.start()
    with pytest.raises(NotOfThisKindError):
        DaySummaries.from_text(endless)
    assert tracemalloc.get_traced_memory()[1] < 70_000_000
    tracemalloc.stop()


def test_a_refusal_says_what_to_do() -> None:
    with pytest.raises(UnreadableCursorError, match=r"\(retrainings: .*valid integer\): reset it on the sensor's page"):
        History.read('{"retrainings": "many"}')
    with pytest.raises(TagError, match="tag trained_from of a model's version is 'soon', which"):
        VersionRecord.from_tags({"trained_from": "soon"})
