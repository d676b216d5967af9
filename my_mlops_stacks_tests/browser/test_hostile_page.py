"""A page of another site, in a real browser, before Dagster's webserver with and without its guard."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from my_mlops_stacks_tests.dev_process import answer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # seconds

JOBS, HOSTILE = (Path(__file__).with_name(name) for name in ("startable_jobs.py", "hostile.html"))
PORT, OTHER_PORT = 28_130, 28_131
ADDRESSES = [f"http://{host}:{PORT}" for host in ("127.0.0.1", "localhost")]
OTHER_SITE = f"http://127.0.0.1:{OTHER_PORT}"
WAYS = {"picture", "script", "form_post", "fetch_get", "fetch_post", "fetch_json"}
"""What a browser sends for a page without asking first, and Dagster without a guard executes."""


@contextmanager
def served(module: str, home: Path) -> Iterator[dg.DagsterInstance]:
    """The instance of a webserver without a daemon: runs that are started stay in the queue."""
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n")
    call = [sys.executable, "-m", module, "--port", str(PORT), "--python-file", str(JOBS)]
    process = subprocess.Popen(call, env=os.environ | {"DAGSTER_HOME": str(home)})
    try:
        answer(f"{ADDRESSES[0]}/server_info", process)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of the other site, whose address says which Dagster it attacks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(HOSTILE.read_bytes().replace(b"DAGSTER", self.path.removeprefix("/?").encode()))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", OTHER_PORT), Handler) as server, browser.new_context() as context:
        Thread(target=server.serve_forever, daemon=True).start()
        yield context.new_page()
        server.shutdown()


def attacked(page: Page, address: str) -> str:
    """Let the other site's page try everything; what became of its WebSocket."""
    page.goto(f"{OTHER_SITE}/?{address}")
    return str(page.evaluate("attack()"))


def ways(instance: dg.DagsterInstance) -> set[str]:
    return {run.tags["way"] for run in instance.get_runs()}


def test_without_the_guard_a_page_starts_jobs(page: Page, tmp_path: Path) -> None:
    """Else the test below shows nothing; should Dagster refuse all of them one day, it needs no guard."""
    with served("dagster_webserver", tmp_path) as instance:
        assert attacked(page, ADDRESSES[0]) == "open"
        assert ways(instance) == WAYS
        assert instance.get_asset_keys()


def test_the_guard_lets_no_page_but_dagsters_own_start_jobs(page: Page, tmp_path: Path) -> None:
    with served("mlops_core.adapters.webserver", tmp_path) as instance:
        for address in ADDRESSES:
            assert attacked(page, address) == "refused"
        assert not instance.get_runs() and not instance.get_asset_keys()

        page.set_content(f'<a href="{ADDRESSES[0]}/locations/startable_jobs.py/jobs/costly_job/playground">Job</a>')
        with page.expect_websocket() as socket:
            page.get_by_role("link").click()  # as in an alert
        with socket.value.expect_event("framereceived"):  # by which the run's page is told what happens
            page.get_by_role("button", name="Launch Run").click()
            page.wait_for_url(re.compile("/runs/"))
        page.get_by_text("Queued").first.wait_for()
        [run] = instance.get_runs()
        assert (run.job_name, run.status) == ("costly_job", dg.DagsterRunStatus.QUEUED)
