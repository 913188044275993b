"""Shells on a terminal: ``ssh -tt`` on a pseudo terminal."""

from __future__ import annotations

import pytest

from .commands import Ssh
from .sshd import program
from .terminals import Terminal


def test_remote_terminal_has_the_local_size_and_follows_it(ssh: Ssh) -> None:
    program("stty")
    script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done"
    with Terminal(41, 123) as terminal:
        terminal.start(ssh.commands, *ssh.command("ssh", "-tt", ssh.host, script))
        terminal.reader.until(b"41 123\r\n")
        terminal.resize(17, 79)
        terminal.reader.until(b"17 79\r\n")


def test_ctrl_c_interrupts_the_remote_command_and_not_the_connection(ssh: Ssh) -> None:
    sleeper = "echo ready; exec sleep 600"
    script = f"trap : INT; sh -c '{sleeper}'; echo \"sleep gave $?\"; exit 7"
    with Terminal(24, 80) as terminal:
        process = terminal.start(ssh.commands, *ssh.command("ssh", "-tt", ssh.host, script))
        terminal.reader.until(b"ready\r\n")
        terminal.type(b"\x03")
        terminal.reader.until(b"sleep gave 130\r\n")
        assert process.wait() == 7


@pytest.mark.parametrize("enter", [b"\r", b"\n"], ids=["return", "line feed"])
def test_lone_line_end_key_arrives_unchanged(ssh: Ssh, enter: bytes) -> None:
    script = 'echo ready; read -r line; echo "got <$line>"'
    with Terminal(24, 80) as terminal:
        process = terminal.start(ssh.commands, *ssh.command("ssh", "-tt", ssh.host, script))
        terminal.reader.until(b"ready\r\n")
        terminal.type(b"word")
        terminal.reader.until(b"word")
        terminal.type(enter)
        terminal.reader.until(b"got <word>\r\n")
        assert process.wait() == 0
