"""The code of a role with MFA: asked for on the terminal of a user, and nowhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from connector.errors import CredentialsError

from .chains import BASE, LOAD, WORK, load
from .sources import Sources

MFA = f"{BASE}{WORK}mfa_serial = arn:aws:iam::123456789012:mfa/mary\n"


def test_code_is_not_asked_for_without_a_terminal(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(MFA)
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"123456\n")
        with pytest.raises(CredentialsError, match="needs an MFA code") as caught:
            load("work")
        assert os.read(read, 100) == b"123456\n"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, write, kept):
            os.close(descriptor)
    assert "`aws sts get-caller-identity --profile work`" in str(caught.value)
    assert sources.asked == []


def on_terminal(typed: bytes) -> str:
    """Run a program on a terminal, type a line when it asks, and return what it prints."""
    import pty

    pid, master = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", LOAD])
    output = b""
    try:
        while b"MFA code" not in output:
            output += os.read(master, 1000)
        os.write(master, typed)
        while piece := _read(master):
            output += piece
    finally:
        os.close(master)
        os.waitpid(pid, 0)
    return output.decode()


def _read(master: int) -> bytes:
    try:
        return os.read(master, 1000)
    except OSError:  # EIO: the program has ended
        return b""


def test_code_is_asked_for_on_a_terminal_and_once_only(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(MFA)
    output = on_terminal(b"123456\n")
    assert "Enter MFA code for arn:aws:iam::123456789012:mfa/mary: " in output
    assert "123456\r" not in output  # the terminal does not echo it
    assert "found ASIA1" in output
    assert sources.forms[0]["TokenCode"] == "123456"
    assert "later: The role of the profile work needs an MFA code" in output


def test_empty_code_is_refused(sources: Sources, configure: Callable[[str], None]) -> None:
    configure(MFA)
    assert "error: No MFA code was entered" in on_terminal(b"\n")
    assert sources.asked == []
