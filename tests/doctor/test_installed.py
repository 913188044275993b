"""Which ssh is installed, and which features it is too old for."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from connector.cli.doctor import make_case
from connector.doctor.case import Case
from connector.doctor.findings import Status
from connector.doctor.installed import ssh_client
from connector.errors import ConfigError

NOTHING = argparse.Namespace(
    host=None,
    kind=None,
    space=None,
    project=None,
    id=None,
    profile=None,
    endpoint_url=None,
    ssh_config="",
)


def case(directory: Path) -> Case:
    return make_case(NOTHING, {"PATH": str(directory)})


def install(directory: Path, version: str, *, patched: bool = True) -> Path:
    """Write a program ``ssh`` that prints this version."""
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
def test_old_openssh_lacks_features(tmp_path: Path, version: str, missing: list[str]) -> None:
    program = install(tmp_path, version)
    result = ssh_client(case(tmp_path))

    assert result.status is (Status.WARN if missing else Status.OK)
    assert all(word in result.text for word in missing)
    assert result.facts == {"path": str(program), "version": version}


def test_openssh_that_passes_shell_syntax_is_a_warning(tmp_path: Path) -> None:
    install(tmp_path, "OpenSSH_9.2p1", patched=False)
    result = ssh_client(case(tmp_path))

    assert result.status is Status.WARN
    assert "CVE-2023-51385" in result.text


def test_another_ssh_is_a_warning(tmp_path: Path) -> None:
    install(tmp_path, "Dropbear v2024.86")
    result = ssh_client(case(tmp_path))

    assert result.status is Status.WARN
    assert "is not OpenSSH (Dropbear v2024.86)" in result.text


def test_missing_ssh_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ssh on the PATH"):
        ssh_client(case(tmp_path))
