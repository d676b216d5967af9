"""A browser before what `make dev` opens after `make run`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from mlops_core.adapters.local_servers import Ports
from mlops_core_tests.ports import free_port
from my_mlops_stacks_tests.browser.visitor import SECONDS, Visitor
from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.dev_process import answer, environment_of, opened
from my_mlops_stacks_tests.samples import Sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "google-chrome", "chromium-browser")
PORTS = Ports.beginning_at(free_port(consecutive=3))
SCREEN = {"width": 2400, "height": 1300}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window; skips the tests where there is none."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        pytest.skip("Chromium is not installed here: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SECONDS * 1_000)
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=found)


@pytest.fixture(scope="module")
def addresses(
    browser: Browser,
    generated_sample: Sample,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """The servers of a state folder in which the pipeline ran once, on the generated sample."""
    state = tmp_path_factory.mktemp("people") / "state"
    environ = environment_of(state, PORTS) | {"TRIPS_PATH": str(generated_sample.path)}
    environ |= {"BUNDLE_VAR_first_day": generated_sample.day(0), "BUNDLE_VAR_last_day": generated_sample.day(-1)}
    (state / "dagster").mkdir(parents=True)
    shutil.copy(ROOT / "dagster.local.yaml", state / "dagster" / "dagster.yaml")
    subprocess.run([sys.executable, "-m", "my_mlops_stacks"], env=environ, check=True)
    with opened(environ) as process:
        for address in PORTS.addresses.values():
            answer(address, process)
        yield PORTS.addresses


@pytest.fixture
def visitor(browser: Browser, addresses: dict[str, str]) -> Iterator[Visitor]:
    context = browser.new_context(viewport=SCREEN)
    context.set_default_timeout(SECONDS * 1_000)
    yield Visitor(context.new_page(), addresses)
    context.close()
