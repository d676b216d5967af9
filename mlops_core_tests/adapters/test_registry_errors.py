"""Which errors mean that MLflow, or the store of its artifacts, is away: these alone are called so."""

from __future__ import annotations

import traceback

import pytest
import requests
from mlflow.exceptions import MlflowException, RestException
from mlflow.utils.rest_utils import verify_rest_response

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


def served(status: int, body: str) -> MlflowException:
    """What MLflow's own client makes of an answer."""
    response = requests.Response()
    response.status_code, response._content = status, body.encode()
    with pytest.raises(MlflowException) as raised:
        verify_rest_response(response, "/api/2.0/mlflow/registered-models/get")
    return raised.value


LONG_PAGE = f"<!DOCTYPE html>\n<title>Sign in</title>{'<p>' * 5_000}"


@pytest.mark.parametrize(
    ("status", "body", "what"),
    [
        *((status, LONG_PAGE, "answered with a page or a text instead of JSON") for status in (200, 401, 403, 404)),
        *((status, LONG_PAGE, "did not answer as it should") for status in (429, 500, 502, 503, 504)),
        (401, '{"error_code": "401", "message": "Credential was not sent."}', "refused the sign-in"),
        (403, '{"error_code": "403", "message": "Invalid access token."}', "refused the sign-in"),
    ],
)
def test_what_answers_in_the_place_of_mlflow_is_told_in_short(status: int, body: str, what: str) -> None:
    error = served(status, body)
    with pytest.raises(RegistryUnavailableError) as raised, registry_answers("http://mlflow"):
        raise error
    said = str(raised.value)
    assert said.startswith(f"MLflow at http://mlflow {what}, and no alias was moved: ")
    assert len(said) < 800


def test_the_request_that_the_databricks_sdk_shows_stays_out() -> None:
    """What MLflow's client makes of a gateway's page, when it calls Databricks by its SDK."""
    shown = (
        "unable to parse response. This is a bug:```GET /api\n> * Authorization: Bearer hunter2\n< 502 Bad Gateway\n```"
    )
    with pytest.raises(RegistryUnavailableError, match="502 Bad Gateway") as raised, registry_answers("databricks"):
        raise RestException({"error_code": None, "message": shown})
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


def test_a_right_that_lacks_is_no_outage() -> None:
    error = RestException({"error_code": "PERMISSION_DENIED", "message": "User has no EXECUTE on the model."})
    with pytest.raises(RestException), registry_answers("http://mlflow"):
        raise error


@pytest.mark.parametrize(
    "address", ["https://hunter2@mlflow", "https://me:hunter2@mlflow", "https://mlflow/?token=hunter2"]
)
def test_the_secret_of_an_address_is_not_told(address):
    with pytest.raises(RegistryUnavailableError, match="MLflow at https://mlflow") as raised, registry_answers(address):
        raise MlflowException(f"API request to {address}/api/2.0/mlflow failed with Max retries exceeded")
    assert "hunter2" not in "".join(traceback.format_exception(raised.value))


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
