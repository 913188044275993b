"""Secrets in what another program says are masked, and other words are not."""

from __future__ import annotations

import pytest

from connector.aws.keys.masking import masked

SECRETS = {
    "bad password=hunter2 given": "bad password=*** given",
    '{"AccessKeyId": "AKIDX", "SecretAccessKey": "two words"}': (
        '{"AccessKeyId": ***, "SecretAccessKey": ***}'
    ),
    "aws_session_token = short": "aws_session_token = ***",
    "run x --token abc for it": "run x --token *** for it",
    "Authorization: Bearer abc.def": "Authorization: ***",
    "key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "key ***",
    "id AKIAIOSFODNN7EXAMPLE is old": "id *** is old",
    "proxy http://anna:hunter2@proxy:80/ is down": "proxy http://***@proxy:80/ is down",
    "--passphrase x, pwd: y, mfa=123": "--passphrase *** pwd: *** mfa=***",
    "secret='a b c": "secret=***",
    "a" * 60 + "1": "***",
    "token" * 20_000: "***",
    "said " + "token" * 20_000: "said",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6.eyJzdWIiOiIxMjM0NTY3ODkw.x": "***.***.x",
}

HARMLESS = (
    "Unable to locate credentials. You can configure them by `aws configure`",
    "(ExpiredTokenException) The security token included in the request is expired",
    "no such file: /home/anna/.aws/sso/cache",
    "arn:aws:iam::123456789012:role/deploy refused",
    "KeyError: 'AWS_PROFILE'",
    "AWS_CREDENTIALS_NOT_FOUND",
)


@pytest.mark.parametrize(("text", "shown"), SECRETS.items())
def test_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_other_words_are_shown(text: str) -> None:
    assert masked(text) == text


def test_last_line_is_shown_without_control_characters_and_in_part() -> None:
    assert masked("first\n\x1b[31mno\x07 " + "long words " * 30 + "\n\n").startswith("[31mno long")
    assert len(masked("long words " * 30)) == 160
    assert masked(" \n") == ""
