"""The token of an Azure machine's managed identity, kept in a file: `python -m mlops_core.adapters.machine_token`.

databricks-sdk for Python can't ask a managed identity, but it reads a token from a file (`file-oidc`) each time that it
signs in, and Databricks exchanges it for one of its own. Kubernetes mounts such a file; with docker compose this module
writes it.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

logger = logging.getLogger(__name__)

METADATA_SERVICE = "http://169.254.169.254/metadata/identity/oauth2/token"
"""Reachable on every Azure machine, from that machine only."""

RESOURCE = "api://AzureADTokenExchange"
"""The audience of a token that is exchanged with another issuer."""

RENEW_S, CALL_S = 600.0, 10.0


def fetch(client_id: str, url: str = METADATA_SERVICE) -> str:
    """A token of the managed identity `client_id`, as signed JSON (JWT); no proxy of the environment sees it.

    Raises:
        requests.RequestException: the machine has no such identity, or is none of Azure's.
        LookupError, TypeError: something else answers there.
    """
    import requests

    query = {"api-version": "2018-02-01", "resource": RESOURCE, "client_id": client_id}
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, params=query, headers={"Metadata": "true"}, timeout=CALL_S)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def renew(file: Path, client_id: str, url: str = METADATA_SERVICE) -> bool:
    """Replace the token in `file` atomically; False when none could be obtained."""
    from requests import RequestException

    try:
        token = fetch(client_id, url)
    except (RequestException, LookupError, TypeError) as error:
        logger.warning("The machine's identity gave no token, the last one stays: %s", error)
        return False
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(token)
    new.replace(file)
    return True


def main() -> None:
    """Renew the token forever; a token is valid for a day, so a short outage does no harm."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    file = Path(os.environ["DATABRICKS_OIDC_TOKEN_FILE"])
    while True:
        renewed = renew(file, os.environ["AZURE_CLIENT_ID"])
        time.sleep(RENEW_S if renewed else CALL_S)


if __name__ == "__main__":
    main()
