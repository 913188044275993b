"""What tells accounts and endpoints apart in caches and in the ledger."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.aws.cloud import open_cloud
from connector.aws.keys.source import account_in
from connector.emulator.api.account import Account
from connector.emulator.sessions import Sessions


def test_origin_tells_accounts_and_endpoints_apart(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[profile here]\nservices = local\n")

    def origin(name: str | None = None, *services: str, option: str | None = None) -> str:
        return open_cloud(name, option, os.environ).origin(*(services or ("ssm",)))

    found = [origin(), origin("work"), origin("here"), origin(option="https://localhost:1")]
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", "https://localhost:2")
    assert origin() == found[0]
    found += [origin(None, "ec2"), origin(None, "ec2", "ssm")]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost:3")
    found.append(origin())
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "other"))
    found.append(origin())
    monkeypatch.setenv("AWS_CONFIG_FILE", "")  # no file is read
    found.append(origin())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    for key_id in ("AKIDE", "ASIAQNZGKIQY56JQ7WML", "ASIAY34FZKBOKMUTVV7A"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key_id)
        found.append(origin())
    assert len(set(found)) == len(found)
    assert "hidden" not in str(found)


@pytest.mark.parametrize(
    ("key_id", "account"),
    [
        ("ASIAQNZGKIQY56JQ7WML", "029608264753"),  # the examples of the article
        ("ASIAY34FZKBOKMUTVV7A", "609629065308"),
        ("AKIAIOSFODNN7EXAMPLE", None),  # the one of AWS's documentation is an older one
        ("AKIA7777777777777777", None),  # no account has so many digits
        ("AKIAY34FZKBOKMUTVV7", None),
        ("AKIAy34fzkbokmutvv7a", None),
        ("AKIDE", None),
    ],
)
def test_account_is_read_from_an_access_key_id(key_id: str, account: str | None) -> None:
    assert account_in(key_id) == account


def test_origin_stays_when_the_keys_of_variables_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(Sessions(), lambda session: "")
    found = set()
    for _ in range(2):
        key = account.add_user("mary")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.id)
        found.add(open_cloud(None, None, os.environ).origin("ssm"))
    assert found == {f"account {account.id} at AWS"}
