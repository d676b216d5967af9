"""What looks like a secret, and what only sounds like one."""

from __future__ import annotations

import pytest

from mlops_core.looks_secret import (
    is_secret_file,
    names_secret,
    secret_in,
    secret_values,
    secrets_within,
    without_secrets,
)


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN", "DB_PWD", "DB_PASS", "db_password", "PASSPHRASE", "AZURE_STORAGE_CONNECTION_STRING", "DB_CONN_STR",
        "conn_str", "AWS_SECRET_ACCESS_KEY", "ACCOUNT_KEY", "PRIVATE_KEY", "GOOGLE_CREDENTIALS", "BLOB_SAS",
        "GITHUB_PAT", "apikey", "MLFLOW_TRACKING_TOKEN", "ALERT_TEAMS_WEBHOOK_URL",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert names_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "MLOPS_TARGET", "GIT_COMMIT", "MLFLOW_TRACKING_URI", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "COMPASS",
        "PASSENGERS", "PATH", "DISASTER", "BUNDLE_VAR_schema", "SPARK_CONNECT_URL", "KEYBOARD", "MONKEY",
    ],
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not names_secret(name)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("https://user:p%40ss@host/db", "p@ss"),
        ("https://user:p@ss@host/db", "p@ss"),
        ("https://dapi-token@host", "dapi-token"),
        ("postgresql+psycopg2://me:hunter2@host:5432/db", "hunter2"),
        ("https://host/x?token=hunter2", "hunter2"),
        ("https://host/x?a=b&password=hunter2&c=d", "hunter2"),
        ("https://a.blob.core.windows.net/c?sv=2024-01-01&sp=r&sig=ab%2Fc%3D", "ab/c="),
        ("Server=tcp:x;Uid=me;Pwd=hunter2;Encrypt=yes", "hunter2"),
        ("Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey=hunter2=", "hunter2="),
        ("DefaultEndpointsProtocol=https;AccountName=x;AccountKey=hunter2==", "hunter2=="),
        ("jdbc:sqlserver://h;user=me;password=hunter2", "hunter2"),
        ("host=h password='hunter 2' dbname=d", "hunter 2"),
        ('Server=x;Password="hunter;2";Encrypt=yes', "hunter;2"),
        ("Driver={x};Uid=me;Pwd={hunter;2};Encrypt=yes", "hunter;2"),
        (f"Server=x;{' ' * 5000} Pwd = hunter2", "hunter2"),  # in no time
    ],
)
def test_values_with_a_secret(value: str, secret: str) -> None:
    assert secret_in(value)
    assert secret in secrets_within(value)
    assert "root" not in secrets_within(value)
    shown = without_secrets(f"it calls {value} in vain")
    assert all(form not in shown for form in secrets_within(value))
    assert shown.startswith("it calls ")
    assert shown.endswith(" in vain")


@pytest.mark.parametrize(
    "value",
    [
        "https://adb-1.azuredatabricks.net/?o=123", "abfss://container@account.dfs.core.windows.net/x",
        "databricks-uc://profile", "sqlite:////tmp/a:b/mlflow.db", "http://127.0.0.1:5000", "on_call@example.com",
        '{"WEATHER_API_KEY": "pipeline/weather"}', "pandas==2.2.3", "a, b; c = d",
        '{"a": "http://127.0.0.1:5000","owner": "on_call@example.com"}', "ssh://git@github.com/x.git",
    ],
)  # fmt: skip
def test_values_without_one(value: str) -> None:
    assert secret_in(value) is None
    assert without_secrets(value) == value


def test_tokens_and_keys_are_known_by_their_shape() -> None:
    assert secret_in("x dapi" + "0123456789abcdef" * 2)
    assert secret_in("abc8Q~" + "x" * 34)
    assert secret_in("x github_pat_" + "11ABCDEFG0" * 8)
    assert secret_in("git clone with " + "aB3" * 25 + "xAZDO" + "1a2b")
    assert secret_in("hf_" + "aB3" * 11)
    assert secret_in("xoxb-" + "1234567890-" * 2)
    assert secret_in("-----BEGIN RSA " + "PRIVATE KEY-----\nMII")
    assert secret_in("eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2ln")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("it has dapi" + "0123456789abcdef" * 2 + ".", "it has [secret]."),
        ("Authorization: Bearer abc.def-123456789012", "Authorization: Bearer [secret]"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----\nMII+/=\n-----END RSA " + "PRIVATE KEY----- here", "[secret] here"),
        ("a eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.c2ln b", "a [secret] b"),
        ("POST https://acme.webhook.office.com/" + "webhookb2/0a@1b/IncomingWebhook/2c now",
         "POST https://acme.webhook.office.com/[secret] now"),
        ("set Bearer authentication with basic understanding", "set Bearer authentication with basic understanding"),
    ],
)  # fmt: skip
def test_sentences_are_without_tokens_keys_and_webhooks(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("token.txt", True), ("service-account.json", True), ("gcp_service_account.json", True),
        ("secrets.yml", True), ("deep/credentials.json", True),
        (".env", True), (".env.prod", True), ("server.pem", True), ("id_rsa", True), (".pypirc", True),
        ("db_password", True), ("secrets.py", False), ("machine_token.py", False), ("token_stats.sql", False),
        ("tokenizer.json", False), ("special_tokens_map.json", False), ("requirements.txt", False),
        ("databricks.yml", False), ("monkey.txt", False), ("key_figures.yml", False), ("secrets.md", False),
    ],
)  # fmt: skip
def test_names_of_files(name: str, secret: bool) -> None:
    assert is_secret_file(name) == secret


def test_an_environment_s_secrets_are_what_is_named_so_and_parts_of_addresses() -> None:
    environ = {
        "DB_PWD": "hunter2-and-more",
        "TOKEN_FILE": "/var/run/token",
        "TOKEN_AUDIENCE": "databricks",
        "HOME": "/home/hunter",
        "DATABASE": "postgresql://me:swordfish@host/db",
        "ADDRESS": "https://host/x?token={token}",
    }
    assert secret_values(environ) == ["hunter2-and-more", "swordfish", "{token}"]
