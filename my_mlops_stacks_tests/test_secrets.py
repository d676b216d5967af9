"""No file of the repository asks for a client secret, or holds one."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files

ASKED_FOR = re.compile(
    r"client_?secret|secret_?access_?key|servicePrincipalKey|addSpnToEnvironment|DATABRICKS_(TOKEN|PASSWORD)",
    re.IGNORECASE,
)
MAY_NAME_THEM = {
    "docs/from-mlops-stacks.md": "what the ancestor had",
    "mlops_core/adapters/doctor/authentication.py": "the doctor warns of them",
    "mlops_core/adapters/step_launcher/stock.py": "dagster-databricks' launcher knows no other way",
}
VALUES = {
    "token of Databricks": r"\bdapi[0-9a-f]{32}\b",
    "OAuth secret of Databricks": r"\bdose[0-9a-f]{32}\b",
    "client secret of Entra ID": r"[\w~.-]{3}8Q~[\w~.-]{34}",
    "key of a storage account": r"AccountKey=[A-Za-z0-9+/]{40}",
    "signed address of a storage account": r"[?&]sig=[A-Za-z0-9%]{30}",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "JSON web token": r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}",
    "password in an address": r"://[\w.-]+:[^\s/@${}<>\"']{6,}@[\w-]+\.(?!example|invalid)\w",
    "webhook of Teams": r"webhook\.office\.com/webhookb2/[0-9a-f]",
}
HELD = re.compile("|".join(f"({pattern})" for pattern in VALUES.values()))
EXAMPLES = {
    "token of Databricks": "dapi" + "0" * 32,
    "OAuth secret of Databricks": "dose" + "0" * 32,
    "client secret of Entra ID": "abc" + "8Q~" + "x" * 34,
    "key of a storage account": "AccountKey" + "=" + "A" * 40,
    "signed address of a storage account": "?sig" + "=" + "A" * 30,
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "JSON web token": "eyJ" + "a" * 20 + ".eyJ" + "a" * 20,
    "password in an address": "postgresql://dagster:" + "hunter22@db.acme.com",
    "webhook of Teams": "https://acme.webhook.office.com/" + "webhookb2/0a",
}


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of each file of the repository but this one and pictures."""
    for name in files():
        file = ROOT / name
        if file.suffix not in (".png", ".gz") and not file.samefile(__file__):
            yield name, file.read_text(encoding="utf-8")


def test_nothing_asks_for_a_client_secret() -> None:
    """Tests may: they show that it is refused, or that it is not needed."""
    shipped = {name: text for name, text in texts() if not re.search("_tests/|^databricks_emulator/", name)}
    asking = {name: found[0] for name, text in shipped.items() if (found := ASKED_FOR.search(text))}
    assert {name: word for name, word in asking.items() if not name.endswith(tuple(MAY_NAME_THEM))} == {}
    assert len(shipped) > 200


def test_nothing_holds_a_secret() -> None:
    held = {name: found[0] for name, text in texts() if (found := HELD.search(text))}
    assert held == {}


@pytest.mark.parametrize("kind", VALUES)
def test_a_secret_would_be_found(kind: str) -> None:
    assert re.search(VALUES[kind], f"value: {EXAMPLES[kind]}\n")
