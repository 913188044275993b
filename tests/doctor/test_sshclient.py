"""Which ssh there is, and what it is too old for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from connector.cli.doctor import make_case
from connector.doctor.case import Case
from connector.doctor.findings import Status
from connector.doctor.sshclient import ssh_client
from connector.errors import ConfigError

NOTHING = argparse.Namespace(
    host=None, space=None, project=None, id=None, profile=None, endpoint_url=None, ssh_config=""
)


def case(directory: Path) -> Case:
    return make_case(NOTHING, {"PATH": str(directory)})


def install(directory: Path, version: str, *, patched: bool = True) -> Path:
    """A program ssh that says it is this."""
    program = directory / "ssh"
    refusal = "case $* in *'$('*) exit 255;; esac" if patched else ""
    program.write_text(f"#!/bin/sh\n{refusal}\necho '{version}' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15", []),
        ("OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", []),
        ("OpenSSH_7.6p1", []),
        ("OpenSSH_7.4p1, OpenSSL 1.0.2k-fips", ["accept-new"]),
        ("OpenSSH_6.6.1p1 Ubuntu", ["accept-new", "Include"]),
    ],
)
def test_what_it_is_too_old_for(tmp_path: Path, version: str, missing: list[str]) -> None:
    program = install(tmp_path, version)
    result = ssh_client(case(tmp_path))

    assert result.status is (Status.WARN if missing else Status.OK)
    assert all(word in result.text for word in missing)
    assert result.facts == {"path": str(program), "version": version}


def test_one_that_hands_any_host_name_to_a_shell(tmp_path: Path) -> None:
    install(tmp_path, "OpenSSH_9.2p1", patched=False)
    result = ssh_client(case(tmp_path))

    assert result.status is Status.WARN
    assert "CVE-2023-51385" in result.text


def test_another_implementation(tmp_path: Path) -> None:
    install(tmp_path, "Dropbear v2024.86")
    result = ssh_client(case(tmp_path))

    assert result.status is Status.WARN
    assert "is not OpenSSH (Dropbear v2024.86)" in result.text


def test_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ssh on the PATH"):
        ssh_client(case(tmp_path))
