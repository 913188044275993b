"""The embedded SSH server, by OpenSSH's own clients."""

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
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import paramiko
import pytest

from connector.emulator.hostkeys import make_host_key
from connector.emulator.sshserver import SshServer

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs OpenSSH's clients")

HOST = "embedded"


class Dispenser:
    """Gives a fresh connection to the server to everybody who connects to a UNIX socket."""

    def __init__(self, server: SshServer, path: Path) -> None:
        self._server = server
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with (
                contextlib.suppress(ConnectionRefusedError),
                peer,
                asyncio.run(self._server.connect()) as connection,
            ):
                socket.send_fds(peer, [b"\0"], [connection.fileno()])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@dataclass
class OpenSsh:
    """OpenSSH's clients, set up to reach the embedded server and nothing else."""

    config: Path
    home: Path
    server: SshServer

    def run(
        self, *arguments: str, program: str = "ssh", data: bytes = b"", timeout: float = 20
    ) -> subprocess.CompletedProcess[bytes]:
        command = [program, "-F", str(self.config), *arguments]
        return subprocess.run(command, input=data, capture_output=True, timeout=timeout)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        command = ["ssh", "-F", str(self.config), *arguments]
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0)


@pytest.fixture(scope="module")
def host_key() -> paramiko.PKey:
    return make_host_key()


@pytest.fixture
def openssh(tmp_path: Path, host_key: paramiko.PKey) -> Iterator[OpenSsh]:
    home = tmp_path / "home"
    home.mkdir()
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"{HOST} {host_key.get_name()} {host_key.get_base64()}\n")
    helper = Path(__file__).with_name("fdpass.py")
    config = tmp_path / "config"
    config.write_text(
        f"Host {HOST}\n"
        f"  ProxyCommand {sys.executable} -I {helper} {tmp_path}/socket\n"
        "  ProxyUseFdpass yes\n"
        "  User nobody-in-particular\n"
        "  StrictHostKeyChecking yes\n"
        f"  UserKnownHostsFile {known_hosts}\n"
        "  GlobalKnownHostsFile /dev/null\n"
        "  IdentityAgent none\n"
    )
    server = SshServer(host_key, home)
    dispenser = Dispenser(server, tmp_path / "socket")
    yield OpenSsh(config, home, server)
    dispenser.close()
    server.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ssh")]


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


def test_a_command_has_separate_output_and_error_and_a_status(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.returncode) == (b"out\n", b"err\n", 3)


def test_a_command_runs_in_the_home_with_a_clean_environment(
    openssh: OpenSsh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_OF_THE_EMULATOR", "x")
    result = openssh.run("-o", "SetEnv=LANG=tlh LC_FOO=bar", HOST, 'pwd; echo "$HOME"; env')
    lines = result.stdout.decode().splitlines()
    assert lines[:2] == [str(openssh.home)] * 2
    assert {"LANG=tlh", "LC_FOO=bar"} <= set(lines)
    assert "A_SECRET" not in result.stdout.decode()


def test_the_end_of_input_reaches_the_command(openssh: OpenSsh) -> None:
    data = random.Random(1).randbytes(2_000_000)
    result = openssh.run(HOST, "cat", data=data)
    assert result.stdout == data


def test_much_output_arrives_whole(openssh: OpenSsh) -> None:
    command = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"
    result = openssh.run(HOST, command)
    assert (len(result.stdout), len(result.stderr)) == (3_000_000, 3_000_000)


def test_a_command_that_does_not_read_its_input_ends(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "exec <&-; echo done", data=b"x" * 5_000_000)
    assert result.stdout == b"done\n"


def test_a_signal_is_reported(openssh: OpenSsh) -> None:
    result = openssh.run("-v", HOST, "kill -TERM $$")
    assert result.returncode == 255
    assert b"exit-signal" in result.stderr


def test_output_after_the_command_has_closed_its_own_is_waited_for(openssh: OpenSsh) -> None:
    result = openssh.run(HOST, "(sleep 0.2; echo late) & exit 4")
    assert (result.stdout, result.returncode) == (b"late\n", 4)


def test_a_home_that_is_gone_is_an_error_of_the_command(openssh: OpenSsh) -> None:
    openssh.home.rmdir()
    result = openssh.run(HOST, "true")
    assert result.returncode == 127
    assert b"No such file" in result.stderr


@pytest.mark.parametrize("options", [[], ["-tt"]], ids=["pipes", "terminal"])
def test_a_client_that_is_killed_takes_its_command_along(
    openssh: OpenSsh, options: list[str]
) -> None:
    client = openssh.start(*options, HOST, "echo $$; exec sleep 1000")
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    assert alive(pid)
    client.kill()
    client.communicate()
    wait_until(lambda: not alive(pid))


def test_a_command_that_ignores_the_hang_up_is_killed(openssh: OpenSsh) -> None:
    client = openssh.start(HOST, "trap '' HUP; echo $$; while :; do sleep 0.1; done")
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.communicate()
    wait_until(lambda: not alive(pid))


def test_closing_the_server_ends_what_runs_in_it(openssh: OpenSsh) -> None:
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


def test_a_terminal_has_the_size_the_type_and_the_modes_of_the_client(openssh: OpenSsh) -> None:
    # ssh itself has no terminal here; script gives it one.
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


def test_a_shell_takes_input_and_control_characters(openssh: OpenSsh) -> None:
    client = openssh.start("-tt", HOST)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(b"PS1='pro''mpt> '\n")
    read_until(client.stdout, b"prompt> ")
    client.stdin.write(b"sh -c 'echo run''ning; exec cat'\n")  # in the foreground when it says so
    read_until(client.stdout, b"running\r\n")
    client.stdin.write(b"\x03")  # ends cat, not the shell; and what was typed is lost
    read_until(client.stdout, b"prompt> ")
    client.stdin.write(b"exit 7\n")
    client.communicate(timeout=20)
    assert client.returncode == 7


def test_a_resize_reaches_the_command(openssh: OpenSsh) -> None:
    connection = asyncio.run(openssh.server.connect())
    with paramiko.Transport(connection) as transport:
        transport.start_client(timeout=10)
        transport.auth_none("anybody")
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


def test_clients_that_insist_on_a_method_are_let_in(openssh: OpenSsh) -> None:
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


def test_a_client_that_is_no_ssh_client_is_no_harm(openssh: OpenSsh) -> None:
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
    """A TCP service that says what it was told, once the client has said all."""

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
def test_only_this_machine_is_forwarded_to(openssh: OpenSsh, destination: str) -> None:
    result = openssh.run("-W", destination, HOST)
    assert result.returncode == 255
    assert b"administratively prohibited" in result.stderr


def test_a_port_that_refuses_is_said_to(openssh: OpenSsh) -> None:
    with socket.socket() as unbound:
        unbound.bind(("127.0.0.1", 0))
        result = openssh.run("-W", f"127.0.0.1:{unbound.getsockname()[1]}", HOST)
    assert b"open failed: connect failed" in result.stderr


def test_a_forwarded_connection_ends_with_the_client(openssh: OpenSsh) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = openssh.start("-W", f"127.0.0.1:{listener.getsockname()[1]}", HOST)
        listener.settimeout(10)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(10)
            client.send_signal(signal.SIGKILL)
            client.communicate()
            assert peer.recv(1) == b""


# Files


def test_scp_copies_files_both_ways(openssh: OpenSsh, tmp_path: Path) -> None:
    data = random.Random(3).randbytes(1_500_000)
    source = tmp_path / "source"
    source.write_bytes(data)
    source.chmod(0o640)
    os.utime(source, (1_000_000_000, 1_000_000_000))
    up = openssh.run("-p", str(source), f"{HOST}:copy", program="scp")
    assert up.returncode == 0, up.stderr
    copy = openssh.home / "copy"
    assert copy.read_bytes() == data
    assert copy.stat().st_mode & 0o777 == 0o640
    assert copy.stat().st_mtime == 1_000_000_000
    down = openssh.run(f"{HOST}:copy", str(tmp_path / "back"), program="scp")
    assert down.returncode == 0, down.stderr
    assert (tmp_path / "back").read_bytes() == data


def test_scp_copies_directories(openssh: OpenSsh, tmp_path: Path) -> None:
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "file").write_text("x")
    assert openssh.run("-r", str(tmp_path / "tree"), f"{HOST}:", program="scp").returncode == 0
    assert (openssh.home / "tree" / "sub" / "file").read_text() == "x"
    back = openssh.run("-r", f"{HOST}:tree", str(tmp_path / "back"), program="scp")
    assert back.returncode == 0
    assert (tmp_path / "back" / "sub" / "file").read_text() == "x"


def test_the_old_scp_protocol_works_too(openssh: OpenSsh, tmp_path: Path) -> None:
    if shutil.which("scp", path=os.environ.get("PATH")) is None:
        pytest.skip("needs scp at the far end")
    (tmp_path / "source").write_text("old")
    result = openssh.run("-O", str(tmp_path / "source"), f"{HOST}:copy", program="scp")
    assert result.returncode == 0, result.stderr
    assert (openssh.home / "copy").read_text() == "old"


def test_sftp_does_what_a_user_does_with_it(openssh: OpenSsh, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("hello")
    batch = f"""
pwd
mkdir made
put {tmp_path}/file made/file
chmod 600 made/file
rename made/file made/renamed
symlink renamed made/link
ls -la made
cd made
get link {tmp_path}/back
-rm nothing
rm link
-rmdir ../made
rm renamed
cd ..
rmdir made
"""
    result = openssh.run("-b", "-", HOST, program="sftp", data=batch.encode())
    assert result.returncode == 0, result.stderr
    output = result.stdout.decode()
    assert str(openssh.home) in output
    assert "renamed" in output
    assert re.search(r"-rw-------.*renamed", output)
    assert "lrwx" in output
    errors = result.stderr.decode()
    assert "No such file" in errors
    assert "Failure" in errors
    assert (tmp_path / "back").read_text() == "hello"
    assert list(openssh.home.iterdir()) == []


def test_sftp_says_when_permission_is_denied(openssh: OpenSsh) -> None:
    (openssh.home / "closed").mkdir(mode=0)
    # Root gets into any directory, but even root cannot write what the kernel only shows.
    target = "/sys/kernel/notes" if os.getuid() == 0 else "closed/x"
    (openssh.home / "local").write_text("not wanted")
    batch = f"put {openssh.home}/local {target}".encode()
    result = openssh.run("-b", "-", HOST, program="sftp", data=batch)
    assert b"Permission denied" in result.stderr


def test_sftp_truncates_without_losing_what_stays(openssh: OpenSsh) -> None:
    file = openssh.home / "file"
    file.write_text("0123456789")
    with paramiko.Transport(asyncio.run(openssh.server.connect())) as transport:
        transport.start_client(timeout=10)
        transport.auth_none("anybody")
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        client.truncate("file", 4)
        assert file.read_text() == "0123"
        with client.open("file", "a") as appended:
            appended.write(b"X")
            assert appended.stat().st_size == 5
        with pytest.raises(OSError, match="Failure"):
            client.rename("file", "file")
        client.posix_rename("file", "other")
        client.symlink("other", "link")
        assert client.readlink("link") == "other"
        assert client.normalize(".") == str(openssh.home)
        client.close()
    assert (openssh.home / "other").read_text() == "0123X"
