"""No address that holds a secret is taken, wherever the secret stands in it; and none is repeated."""

import pytest

from study.journal.secrets import require_no_secret

SECRETS = [
    "postgresql://me:hush@db/mlflow",
    "postgresql://me:hush/a?b#c@db/mlflow",
    "postgresql+psycopg://me:hush%2Fa@db:5432/mlflow",
    "postgresql://db/mlflow?user=me&sslpassword=hush",
    "mysql://db/mlflow?PASSWD=hush",
    "mssql+pyodbc:///?odbc_connect=PWD%3Dhush",
    "https://me:hush/a?b@mlflow.example.org/#/",
    "https://hush@mlflow.example.org",
    "https://mlflow.example.org/?token=hush",
    "https://mlflow.example.org/#/?access_token=hush",
    "s3://key:hush/a+b@bucket/folder",
    "s3://bucket/folder?secret_key=hush&region=x",
    "abfs://container@account/folder?account_key=hush",
    "ray://me:hush@host:10001",
    "me:hush@host:6379",
    "postgresql://me:hush@db:no-port/mlflow",
]

HARMLESS = [
    None, "", "local", "auto", "host:6379", "ray://host:10001", "http://127.0.0.1:8265", "runs", "/shared/a b%20?c",
    "s3://bucket/folder?region=eu-west-1&endpoint_override=host:9000", "gs://bucket/a@b", "file:///shared/a%20b",
    "sqlite:////data/a@b/mlflow.db?timeout=30", "postgresql://me@db/mlflow?sslmode=require", "databricks://profile",
]  # fmt: skip


@pytest.mark.parametrize("option", ["--tracking-uri", "--storage", "--address"])
@pytest.mark.parametrize("address", SECRETS)
def test_a_secret_is_refused_and_not_repeated(option: str, address: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^{option} holds a .*, which would be kept in .*; leave it out and set [A-Z]"
    ) as caught:
        require_no_secret(option, address)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("address", HARMLESS)
def test_what_holds_no_secret_is_taken(address: str | None) -> None:
    require_no_secret("--storage", address)
