"""A connection of a copy, with a script in the place of ssh."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from connector.copy import links
from connector.copy.links import Link, Way
from connector.errors import ConfigError
from connector.library.carrier import Options
from connector.ssh.client import Call


def link(directory: Path, script: str) -> Link:
    ssh = directory / "ssh"
    ssh.write_text(f"#!/bin/sh\n{script}\n")
    ssh.chmod(0o755)
    call = Call("host", "alias", "none", (), False)
    return Link(Way(str(ssh), call, "", cast(Options, None), str(directory)), 1, may_ask=False)


def test_command_gets_its_stdin_and_endless_output_is_cut(tmp_path: Path) -> None:
    script = f"cat; exec head -c {links._MOST_OUTPUT} /dev/zero"
    ran = link(tmp_path, script).run("sh", b"a script", 60.0)
    assert (ran.status, len(ran.stdout)) == (0, links._MOST_OUTPUT)
    assert ran.stdout.startswith(b"a script\0")


def test_server_without_sftp_is_told(tmp_path: Path) -> None:
    said = "echo subsystem request failed on channel 0 >&2; exit 255"
    with pytest.raises(ConfigError, match="offers no SFTP"):
        link(tmp_path, f'[ "$1" = -G ] || {{ {said}; }}').open()
