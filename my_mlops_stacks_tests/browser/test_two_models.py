"""Two models in one graph, as people see it who open Dagster."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_core.adapters.local_servers import LOOPBACK
from mlops_core_tests.ports import free_port
from my_mlops_stacks_tests.browser.conftest import SCREEN
from my_mlops_stacks_tests.browser.visitor import SECONDS, Visitor
from my_mlops_stacks_tests.dev_process import answer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # seconds

PORT = free_port()
SHARED = ("ingestion", "feature_engineering")
STAGES = ("training", "validation", "deployment", "monitoring")


@pytest.fixture
def reader(browser: Browser, tmp_path: Path) -> Iterator[Visitor]:
    """Whoever looks at the code location before anything ran."""
    module = ("-m", "my_mlops_stacks_tests.two_models.definitions")
    call = (sys.executable, "-m", "dagster_webserver", *module, "-h", LOOPBACK, "-p", str(PORT))
    environ = os.environ | {"DAGSTER_HOME": str(tmp_path), "BUNDLE_VAR_state_folder": str(tmp_path / "state")}
    address, context = f"http://{LOOPBACK}:{PORT}", browser.new_context(viewport=SCREEN)
    context.set_default_timeout(SECONDS * 1_000)
    process = subprocess.Popen(call, env=environ)
    try:
        answer(address, process)
        yield Visitor(context.new_page(), {"dagster": address})
    finally:
        context.close()
        process.terminate()
        process.wait(60)


def test_each_model_has_a_lane_that_begins_at_the_features_of_both(reader: Visitor) -> None:
    reader.opens("/asset-groups/")
    lanes = [[f"{scope}_{stage}" for stage in STAGES] for scope in ("fare", "duration")]
    reader.sees("Global asset lineage", *lanes[0], *lanes[1], *SHARED)
    boxes = {name: reader.page.get_by_text(name, exact=True).last.bounding_box() for lane in lanes for name in lane}
    for lane in lanes:
        assert [boxes[name]["x"] for name in lane] == sorted(boxes[name]["x"] for name in lane)
    fare, duration = ({boxes[name]["y"] for name in lane} for lane in lanes)
    assert max(fare) < min(duration) or max(duration) < min(fare)
    for lane in lanes:
        reader.opens(f"/assets/{lane[0].replace('training', 'model')}")
        reader.sees("Trained on the trips whose label was known")
