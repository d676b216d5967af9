"""Which errors mean that MLflow, or the store of its artifacts, is away: these alone are called so."""

from __future__ import annotations

import pytest
import requests
from mlflow.exceptions import MlflowException, RestException

from mlops_core.adapters.registry_errors import RegistryUnavailableError, registry_answers
from mlops_core.adapters.scoring_errors import CannotScoreError, scorable


def answer(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} of the artifact store", response=response)


AWAY = [
    requests.ConnectionError("refused"),
    requests.Timeout("slow"),
    answer(429),
    answer(503),
    MlflowException("API request failed"),
    RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "later"}),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_a_server_that_is_away_is_named_also_while_a_model_is_loaded(error):
    named = "MLflow at http://mlflow did not answer as it should, and no alias was moved: .* then ask again"
    with (
        pytest.raises(RegistryUnavailableError, match=named),
        registry_answers("http://mlflow", then="ask again"),
        scorable("Version 3", "choose another version"),
    ):
        raise error


@pytest.mark.parametrize(
    "error",
    [
        answer(404),
        FileNotFoundError("MLmodel"),
        ValueError("lacks ['x']"),
        RestException({"error_code": "RESOURCE_DOES_NOT_EXIST"}),
    ],
)
def test_what_a_version_lacks_is_its_own_fault(error):
    said = "Version 3 can't be scored: choose another version; no alias was moved"
    with (
        pytest.raises(CannotScoreError, match=said),
        registry_answers("u"),
        scorable("Version 3", "choose another version"),
    ):
        raise error


def test_other_errors_go_on_their_way():
    with pytest.raises(requests.HTTPError, match="404"), registry_answers("http://mlflow"):
        raise answer(404)
