"""The code of a role with MFA: asked for on the terminal of a user, and nowhere else.

STS at an ``http`` address is called by botocore.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from connector.errors import CredentialsError

from .chains import BASE, LOAD, WORK, source_of
from .recording import Recorder
from .sources import Sources

MFA = f"{BASE}{WORK}mfa_serial = arn:aws:iam::123456789012:mfa/mary\n"


Forms = Callable[[], list[dict[str, str]]]


@pytest.fixture(params=["without botocore", "botocore"])
def forms(
    request: pytest.FixtureRequest, sources: Sources, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Forms]:
    """Return a function that returns the forms that STS got."""
    if request.param == "botocore":
        yield lambda: sources.forms
        return
    _, answer = Sources().answer("POST", "/", "Action=AssumeRole")
    with Recorder(home, answer.encode()) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{peer.port}")
        monkeypatch.setenv("AWS_CA_BUNDLE", str(peer.ca_file))
        yield lambda: [
            dict(parse_qsl(each.decode().partition("\r\n\r\n")[2])) for each in peer.requests
        ]


def _no_terminal(path: str, *arguments: int) -> int:
    if path == "/dev/tty":
        raise OSError(errno.ENXIO, "no terminal")
    return _open(path, *arguments)


_open = os.open


@pytest.mark.parametrize("may_ask", [False, True])
def test_code_is_not_asked_for_without_a_terminal(
    forms: Forms,
    configure: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    may_ask: bool,
) -> None:
    configure(MFA)
    monkeypatch.setattr(os, "open", _no_terminal)
    monkeypatch.setattr(sys, "stdin", sys.__stdin__)  # as in a program: pytest's refuses to be read
    read, write = os.pipe()
    kept = os.dup(0)
    os.dup2(read, 0)
    try:
        os.write(write, b"123456\n")
        with pytest.raises(CredentialsError, match="needs an MFA code") as caught:
            source_of("work").load(20, may_ask=may_ask)
        assert os.read(read, 100) == b"123456\n"
    finally:
        os.dup2(kept, 0)
        for descriptor in (read, write, kept):
            os.close(descriptor)
    assert "`aws sts get-caller-identity --profile work`" in str(caught.value)
    assert forms() == []


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
    forms: Forms, configure: Callable[[str], None]
) -> None:
    configure(MFA)
    output = on_terminal(b"123456\n")
    assert "Enter MFA code for arn:aws:iam::123456789012:mfa/mary: " in output
    assert "123456\r" not in output  # the terminal does not echo it
    assert "found ASIA1" in output
    assert [form["TokenCode"] for form in forms()] == ["123456"]
    assert "later: The role of the profile work needs an MFA code" in output


def test_empty_code_is_refused(forms: Forms, configure: Callable[[str], None]) -> None:
    configure(MFA)
    assert "error: No MFA code was entered" in on_terminal(b"\n")
    assert forms() == []
