"""The pages as a browser gets them: from this machine only, and a page that is not there is said to be missing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mlops_core.adapters.local_servers import Ports, PortTakenError, pages_served
from mlops_core.adapters.pages import FolderPages
from mlops_core_tests.ports import free_port


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, port: int) -> Iterator[Path]:
    with pages_served(tmp_path / "monitoring", port):
        yield tmp_path / "monitoring"


def test_what_is_written_is_found_at_its_address_and_in_the_index(folder, port):
    pages = FolderPages(folder, "fares", f"http://127.0.0.1:{port}")
    pages.write({"2016-02-28.html": "<p>one</p>"})
    addresses = pages.write({"2016-02-29.html": "<p>zwölf €</p>"})
    found = requests.get(addresses["2016-02-29.html"], timeout=5)
    assert (found.status_code, found.content.decode()) == (200, "<p>zwölf €</p>")
    index = requests.get(f"http://127.0.0.1:{port}/", timeout=5).text
    assert index.index('href="fares/2016-02-29.html"') < index.index('href="fares/2016-02-28.html"')
    assert 'index.html"' not in index


def test_pages_of_one_day_of_two_projects_lie_side_by_side_and_one_index_has_both(folder, port):
    addresses = [
        FolderPages(folder, name, f"http://127.0.0.1:{port}").write({"2016-02-29.html": f"<p>{name}</p>"})
        for name in ("flights", "fares")
    ]
    texts = [requests.get(each["2016-02-29.html"], timeout=5).text for each in addresses]
    assert texts == ["<p>flights</p>", "<p>fares</p>"]
    index = requests.get(f"http://127.0.0.1:{port}/", timeout=5).text
    assert 'href="fares/2016-02-29.html"' in index and 'href="flights/2016-02-29.html"' in index


@pytest.mark.parametrize("path", ["", "2016-03-01.html", "../mlflow/mlflow.db", "%2e%2e/secret"])
def test_what_is_no_page_is_said_to_be_none(folder, port, path):
    (folder.parent / "secret").write_text("secret")
    found = requests.get(f"http://127.0.0.1:{port}/{path}", timeout=5)
    assert found.status_code == 404
    assert "the monitoring has not made this page" in found.text and 'href="/"' in found.text


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("evil.example", 421), ("127.0.0.1.evil.example", 421)]
)
def test_no_other_site_reads_pages_by_a_name_that_leads_here(folder, port, host, status):
    FolderPages(folder, "fares", f"http://127.0.0.1:{port}").write({"2016-02-28.html": "<p>one</p>"})
    found = requests.get(f"http://127.0.0.1:{port}/", headers={"Host": f"{host}:{port}"}, timeout=5)
    assert found.status_code == status and ("2016-02-28" in found.text) == (status == 200)


def test_other_machines_are_not_served(folder, port):
    own = socket.gethostbyname(socket.gethostname())
    if own.startswith("127."):
        pytest.skip("this machine has no other address")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{own}:{port}/", timeout=5)


def test_a_server_ends_with_its_context_whatever_ends_that(tmp_path, port):
    before = threading.active_count()
    with pytest.raises(SystemExit), pages_served(tmp_path, port):
        raise SystemExit
    assert threading.active_count() == before


def test_a_taken_port_is_named_with_the_way_to_choose_others(folder, port):
    with pytest.raises(PortTakenError, match=rf"Port {port} is taken: .* set BUNDLE_VAR_ui_port"):
        Ports.beginning_at(port - 1).require_free()
