"""The AWS configuration file, read as botocore reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import botocore.configloader
import botocore.exceptions
import botocore.session
import pytest

from connector.aws.profile import load_profile, with_credentials
from connector.errors import ConfigError


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf[profile x]\nca_bundle = /x\n",
        b"\xff\xfe[\x00",
        b"[profile x]\rca_bundle = /x\r",
        b"[profile x]\r\nca_bundle = /x\r\n",
        b"  [profile x]\n  ca_bundle = /x\n",
        b"[profile x]\nregion = a\n  [profile y]\n",
        b"[profile x]\nca_bundle =\n  /x\n",
        b"[profile x]\ns3 =\n  a = b\n\n  c = d\n",
        b"[profile x]\ns3 =\n  a = b\n  # c\n",
        b"[profile x]\ns3 =\n  a = b\n  no setting\n",
        b"[profile x]\nca_bundle = /x\n[profile x]\n",
        b"[profile x]\nca_bundle = /x\nca_bundle = /y\n",
        b"[profile x]\nno setting\n",
        b"[profile 'x']\nca_bundle = /x ; y # z\n",
        b'[profile "x y"]\nca_bundle: /x\n',
        b"[profile 'x]\nca_bundle = /x\n",
        b"[profile\tx]\nCA_Bundle = /x\n",
        b"[profile x]\nca_bundle = /x\n[profile-old x]\nca_bundle = /y\n[profile x y]\n",
        b'[ profile x]\nregion = y\n[ default ]\n["profile" y]\n[sso-session2 z]\n',
        b"[DEFAULT]\nca_bundle = /x\n[profile x]\nregion = y\n",
        b"[sso-session 'x y']\nsso_region = z\n[sso-session z]\n",
        b"[profile x]\nca_bundle = /\xc3\xa9\xe2\x80\xa8\x0b\x0c\n",
        b"",
        b"region = x\n",
    ],
)
def test_configuration_is_read_or_refused_as_by_botocore(home: Path, content: bytes) -> None:
    path = home / ".aws/config"
    path.parent.mkdir()
    path.write_bytes(content)
    try:
        full = botocore.configloader.load_config(str(path))
    except botocore.exceptions.ConfigParseError:
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            load_profile("x", os.environ)
        return
    profile = load_profile("x", os.environ)
    assert {name: _plain(values) for name, values in full["profiles"].items()} == {
        name: _plain(values) for name, values in profile.profiles.items()
    }
    assert full.get("sso_sessions", {}) == profile.sso_sessions


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return the settings without those that botocore makes objects of: indented lines."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str) and not value.startswith("\n")
    }


@pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
@pytest.mark.parametrize("value", [None, "", "~/.aws/other", "$HOME/.aws/other", "/none"])
def test_files_are_those_of_botocore(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str | None
) -> None:
    (home / ".aws").mkdir()
    for name, heading in (("config", "profile "), ("credentials", ""), ("other", "profile ")):
        (home / ".aws" / name).write_text(f"[{heading}{name}]\nregion = eu-west-1\n")
    if value is None:
        monkeypatch.delenv(variable, raising=False)
    else:
        monkeypatch.setenv(variable, value)
    found = with_credentials(load_profile(None, os.environ), os.environ).profiles
    assert found == botocore.session.Session().full_config["profiles"]


def test_profile_shows_no_secret(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[default]\naws_secret_access_key = hidden\n")
    (home / ".aws/credentials").write_text("[default]\naws_session_token = hidden\n")
    profile = with_credentials(load_profile(None, os.environ), os.environ)
    assert profile.values == {"aws_secret_access_key": "hidden", "aws_session_token": "hidden"}
    assert "hidden" not in f"{profile!r}"
