"""OpenSSH's clients with the embedded SSH server: commands, terminals, logins, ports."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import paramiko
import pytest

from .clients import HOST, OpenSsh, needs_clients

pytestmark = needs_clients

MSG_CHANNEL_SUCCESS = b"\x63"  # RFC 4254, section 9


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# Commands


def test_command_has_separate_output_errors_and_status(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 3)


def test_command_starts_after_the_reply_to_its_request(
    openssh: OpenSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a client could be told of the end of a command before its start."""
    send = paramiko.Transport._send_user_message  # type: ignore[attr-defined]
    running: list[list[str]] = []

    def watched(transport: paramiko.Transport, message: paramiko.Message) -> None:
        if message.asbytes()[:1] == MSG_CHANNEL_SUCCESS:
            names = [thread.name for thread in threading.enumerate()]
            running.append([name for name in names if name == "ssh process"])
        send(transport, message)

    monkeypatch.setattr(paramiko.Transport, "_send_user_message", watched)
    assert openssh.run(HOST, "cat", data=b"input").stdout == b"input"
    assert running == [[]]


def test_command_runs_at_home_with_a_clean_environment(
    openssh: OpenSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_EMULATOR", "x")
    result = openssh.run("-o", "SetEnv=LANG=tlh LC_FOO=bar", HOST, 'pwd; echo "$HOME"; env')
    lines = result.stdout.decode().splitlines()
    assert lines[:2] == [str(openssh.home)] * 2
    assert {"LANG=tlh", "LC_FOO=bar"} <= set(lines)
    assert "A_SECRET" not in result.stdout.decode()


def test_end_of_input_reaches_the_command(openssh: OpenSsh) -> None:
    data = random.Random(1).randbytes(2_000_000)
    result = openssh.run(HOST, "cat", data=data)
    assert result.stdout == data


def test_large_output_arrives_whole(openssh: OpenSsh) -> None:
    command = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"
    result = openssh.run(HOST, command)
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)


def test_command_that_reads_no_input_ends(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "exec <&-; echo done", data=b"x" * 5_000_000)
    assert result.stdout == b"done\n"


def test_signal_of_a_command_is_reported(openssh: OpenSsh) -> None:
    result = openssh.run("-v", HOST, "kill -TERM $$")
    assert result.returncode == 255
    assert b"exit-signal" in result.stderr


def test_output_of_a_background_job_is_awaited(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "(sleep 0.2; echo late) & exit 4")
    assert (result.stdout, result.returncode) == (b"late\n", 4)


def test_missing_home_is_an_error_of_the_command(openssh: OpenSsh) -> None:
    openssh.home.rmdir()
    result = openssh.run(HOST, "true")
    assert result.returncode == 127
    assert b"No such file" in result.stderr


@pytest.mark.parametrize("options", [[], ["-tt"]], ids=["pipes", "terminal"])
def test_death_of_the_client_ends_its_command(openssh: OpenSsh, options: list[str]) -> None:
    client = openssh.start(*options, HOST, "echo $$; exec sleep 1000")
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    assert alive(pid)
    client.kill()
    client.communicate()
    wait_until(lambda: not alive(pid))


def test_command_that_ignores_sighup_is_killed(openssh: OpenSsh) -> None:
    client = openssh.start(HOST, "trap '' HUP; echo $$; while :; do sleep 0.1; done")
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.communicate()
    wait_until(lambda: not alive(pid))


def test_close_of_the_server_ends_its_processes(openssh: OpenSsh) -> None:
    client = openssh.start(HOST, "echo $$; exec sleep 1000")
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    openssh.server.close()
    assert not alive(pid)
    client.communicate(timeout=10)
    assert client.returncode == 255
    assert openssh.run(HOST, "true").returncode == 255


def test_several_sessions_share_a_connection(openssh: OpenSsh, tmp_path: Path) -> None:
    control = ["-o", f"ControlPath={tmp_path}/mux"]
    master = openssh.start(*control, "-o", "ControlMaster=yes", HOST, "echo up; cat")
    assert master.stdout is not None
    assert master.stdout.readline() == b"up\n"
    for number in range(3):
        result = openssh.run(*control, HOST, f"exit {number}")
        assert result.returncode == number
    master.communicate(timeout=10)


# Terminals


def test_terminal_has_the_clients_size_type_and_modes(openssh: OpenSsh) -> None:
    # ssh has no terminal here, so script provides one.
    if shutil.which("script") is None:
        pytest.skip("needs script(1)")
    inner = f"stty rows 33 cols 99 -ixon; TERM=vt52 ssh -F {openssh.config} -tt {HOST} "
    inner += "'stty size; stty -a; echo $TERM; tty'"
    result = subprocess.run(
        ["script", "-qec", inner, "/dev/null"], capture_output=True, timeout=20, input=b""
    )
    output = result.stdout.decode()
    assert "33 99" in output
    assert "-ixon" in output
    assert "vt52" in output
    assert re.search(r"/dev/(pts/|tty)", output)


def read_until(stream: IO[bytes], mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        data = stream.read(1000)
        assert data, f"{mark!r} never came: {seen!r}"
        seen += data
    return seen


def test_shell_gets_input_and_control_characters(openssh: OpenSsh) -> None:
    client = openssh.start("-tt", HOST)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(b"PS1='pro''mpt> '\n")
    read_until(client.stdout, b"prompt> ")
    client.stdin.write(b"sh -c 'echo run''ning; exec cat'\n")  # now in the foreground
    read_until(client.stdout, b"running\r\n")
    client.stdin.write(b"\x03")  # ends cat, not the shell; the typed line is lost
    read_until(client.stdout, b"prompt> ")
    client.stdin.write(b"exit 7\n")
    client.communicate(timeout=20)
    assert client.returncode == 7


def test_resize_reaches_the_command(openssh: OpenSsh) -> None:
    connection = asyncio.run(openssh.server.connect())
    with paramiko.Transport(connection) as transport:
        transport.start_client(timeout=10)
        transport.auth_none("stranger")
        channel = transport.open_session()
        channel.get_pty("xterm", 80, 24)
        channel.exec_command(
            "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
        )
        output = channel.makefile("rb")
        assert output.readline() == b"ready\r\n"
        channel.resize_pty(120, 40)
        assert output.readline() == b"40 120\r\n"
        assert channel.recv_exit_status() == 0
        output.close()


# Logging in


def test_every_authentication_method_is_accepted(openssh: OpenSsh) -> None:
    key = paramiko.RSAKey.generate(2048)
    with paramiko.Transport(asyncio.run(openssh.server.connect())) as transport:
        transport.start_client(timeout=10)
        assert transport.get_remote_server_key() == openssh.server.host_key
        transport.auth_password("a", "anything")
        assert transport.is_authenticated()
    with paramiko.Transport(asyncio.run(openssh.server.connect())) as transport:
        transport.start_client(timeout=10)
        transport.auth_publickey("b", key)
        assert transport.is_authenticated()


def test_garbage_from_a_client_does_no_harm(openssh: OpenSsh) -> None:
    with asyncio.run(openssh.server.connect()) as connection:
        connection.setblocking(True)
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        while connection.recv(1000):
            pass


def test_keepalives_are_answered(openssh: OpenSsh) -> None:
    options = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"]
    assert openssh.run(*options, HOST, "sleep 2.5; echo on").stdout == b"on\n"


# Forwarding


@pytest.fixture
def echo_port() -> Iterator[int]:
    """A TCP service that returns its input after the client's end of file."""

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(ConnectionError):
                received = []
                while data := peer.recv(65536):
                    received.append(data)
                peer.sendall(b"".join(received))

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_bytes_are_forwarded_both_ways_with_half_close(openssh: OpenSsh, echo_port: int) -> None:
    data = random.Random(2).randbytes(1_000_000)
    result = openssh.run("-W", f"127.0.0.1:{echo_port}", HOST, data=data)
    assert result.stdout == data


@pytest.mark.parametrize("destination", ["192.0.2.1:80", "example.com:80"])
def test_forwarding_reaches_this_machine_only(openssh: OpenSsh, destination: str) -> None:
    result = openssh.run("-W", destination, HOST)
    assert result.returncode == 255
    assert b"administratively prohibited" in result.stderr


def test_forwarding_to_a_refusing_port_fails(openssh: OpenSsh) -> None:
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        result = openssh.run("-W", f"127.0.0.1:{unbound.getsockname()[1]}", HOST)
    assert b"open failed: connect failed" in result.stderr


def test_forwarded_connection_ends_with_the_client(openssh: OpenSsh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = openssh.start("-W", f"127.0.0.1:{listener.getsockname()[1]}", HOST)
        listener.settimeout(10)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(10)
            client.send_signal(signal.SIGKILL)
            client.communicate()
            assert peer.recv(1) == b""
