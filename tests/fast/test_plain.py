"""Plain text is read as the library reads it; all other text is left to the library."""

from __future__ import annotations

import configparser
import io
import shlex
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.fast import plain

WRITTEN_BY_LOGIN = b"""\
# of the user
[default]
region = us-west-2

[profile codecatalyst]
sso_session = codecatalyst
; of the user too
  # indented
[sso-session codecatalyst]
SSO_start_url=https://view.awsapps.com/start?a=b
sso_region : us-east-1
empty =
"""


def library(content: bytes) -> dict[str, dict[str, str]] | None:
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8").read()
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    return {header: dict(parser.items(header)) for header in parser.sections()}


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_usual_configuration_is_plain(ending: bytes) -> None:
    content = WRITTEN_BY_LOGIN.replace(b"\n", ending)

    found = plain.sections(content)

    assert found is not None
    assert found == library(content)
    assert found["sso-session codecatalyst"]["sso_start_url"].endswith("?a=b")


@pytest.mark.parametrize(
    "content",
    [
        *(b"[a]\nb = 1\n  c = 2\n", b"[a]\n b = 1\n", b" [a]\n", b"[a] c\n", b"[a]]\n", b"[]\n"),
        *(b"b = 1\n", b"[a]\nb\n", b"[a]\n= 1\n", b"[a\n", b"[", b"[a]\n[a]\n", b"[DEFAULT]\n"),
        *(b"[a]\nb = 1\nB: 2\n", b"[a]\nb = \xc3\xa9\n", b"\xef\xbb\xbf[a]\n", b"\xff"),
    ],
)
def test_other_configuration_is_left_to_the_library(content: bytes) -> None:
    assert plain.sections(content) is None


LINES = st.lists(
    st.one_of(
        st.sampled_from(["[a]", "[b c]", "[DEFAULT]", "a = 1", "b:2", "c = d = e", "", "# x", ";"]),
        st.text("ab [] = : # ; \t\r\n\x0b\x0c\x1c\x1f\"'\\%", max_size=8),
    ),
    max_size=8,
)


@given(lines=LINES)
def test_any_plain_configuration_is_read_as_by_the_library(lines: list[str]) -> None:
    content = "\n".join(lines).encode()
    found = plain.sections(content)
    assert found is None or found == library(content)


@given(header=st.text("ab \"'\\#\t\x0b\u3000\xe9", max_size=12))
def test_words_of_a_header_are_split_as_by_the_library(header: str) -> None:
    found = plain.words(header)
    assert found is None or found == shlex.split(header)


@given(words=st.lists(st.text("ab9-_ '$\u0663\xe9", max_size=4), max_size=3))
def test_command_is_joined_as_by_the_library(words: list[str]) -> None:
    found = plain.command(tuple(words))
    assert found is None or found == shlex.join(words)


def test_usual_command_is_plain() -> None:
    words = ("connector", "login", "--profile", "codecatalyst")
    assert plain.command(words) == "connector login --profile codecatalyst"


def test_usual_headers_are_plain() -> None:
    assert plain.words("sso-session my-login") == ["sso-session", "my-login"]
    assert plain.words("default") == ["default"]
    assert plain.words('profile "a b"') is None


@given(
    moment=st.datetimes(
        min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 31), timezones=st.none()
    )
)
def test_time_is_read_as_by_the_library(moment: datetime) -> None:
    found = plain.time(f"{moment:%Y-%m-%dT%H:%M:%SZ}")
    whole = moment.replace(microsecond=0, tzinfo=timezone.utc)
    leap_day = (moment.month, moment.day) == (2, 29)
    assert found == (None if leap_day else whole.timestamp())


@pytest.mark.parametrize(
    "text",
    [
        *("", "2026-11-30T08:00:00", "2026-11-20T08:00:00+00:00", "2026-11-20T08:00:00UTC"),
        *("2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z"),
        *("2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z"),
        *(
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-01 00:00:00Z",
            "-026-01-01T00:00:00Z",
        ),
        *("2026-01-01T00:00:0 Z", "\u0662026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"),
    ],
)
def test_other_times_are_left_to_the_library(text: str) -> None:
    assert plain.time(text) is None
