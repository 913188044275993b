"""The command of a target that a connection of a copy runs."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from connector.copy import links
from connector.copy.links import Link, Way
from connector.library.carrier import Options
from connector.ssh.client import Call


def test_command_gets_its_stdin_and_endless_output_is_cut(tmp_path: Path) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\ncat\nexec head -c {links._MOST_OUTPUT} /dev/zero\n")
    ssh.chmod(0o755)
    call = Call("host", "alias", "none", (), True)
    ran = Link(Way(str(ssh), call, "", cast(Options, None), str(tmp_path)), 1, may_ask=False).run(
        "sh", b"a script", 60.0
    )
    assert (ran.status, len(ran.stdout)) == (0, links._MOST_OUTPUT)
    assert ran.stdout.startswith(b"a script\0")
