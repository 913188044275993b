"""VS Code's Remote-SSH: a script on stdin, then all traffic through ``-D``."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from .cloud import Cloud
from .commands import END, Process, Ssh
from .socks import connect_through
from .sshd import has_ended
from .targets import TcpService, echo, receive_exactly
from .waiting import PATIENCE, accepts, alive, eventually, free_port

DATA = random.Random(5).randbytes(3_000_000)

#: A short form of VS Code's server installation: it prints its marker and stays.
SCRIPT = b"""\
echo "d1ce: start"
echo "parent==$PPID== shell==$$=="
echo "d1ce: end"
exec sleep 600
"""


@dataclass
class Window:
    """One ssh as an editor's window starts it.

    ``session_process`` is sshd's process for this connection, ``shell`` the shell in it.
    """

    ssh: Process
    socks_port: int
    session_process: int
    shell: int


class Editor:
    def __init__(self, ssh: Ssh) -> None:
        self._ssh = ssh
        self.windows: list[Window] = []

    def open(self, connect_timeout: int = 15) -> Window:
        port = free_port()
        options = ["-v", "-T", "-D", str(port), "-o", f"ConnectTimeout={connect_timeout}"]
        process = self._ssh.start(options=options)
        process.send(SCRIPT)
        process.reader.until(b"d1ce: start\n")
        parent, shell = (int(part) for part in process.reader.line().split("==")[1::2])
        process.reader.until(b"d1ce: end\n")
        assert accepts(port)
        self.windows.append(Window(process, port, parent, shell))
        return self.windows[-1]


@pytest.fixture
def editor(ssh: Ssh) -> Iterator[Editor]:
    editor = Editor(ssh)
    yield editor
    for window in editor.windows:
        # Without a terminal, the shell does not notice the end of its client.
        if alive(window.shell):
            ssh.commands.kill(window.shell)


@pytest.fixture
def service() -> Iterator[TcpService]:
    with TcpService(echo) as service:
        yield service


def traffic(window: Window, service: TcpService) -> bytes:
    """Send a few megabytes there and back."""
    with connect_through(window.socks_port, service.port, "127.0.0.1") as connection:
        connection.settimeout(PATIENCE)
        sender = threading.Thread(target=connection.sendall, args=(DATA,), daemon=True)
        sender.start()
        answer = receive_exactly(connection, len(DATA))
        sender.join(PATIENCE)
    return answer


def test_two_windows_carry_their_traffic_at_once(
    editor: Editor, service: TcpService, cloud: Cloud
) -> None:
    cloud.unpaced()
    windows = [editor.open(), editor.open()]
    answers: list[bytes] = []
    threads = [
        threading.Thread(target=lambda window=window: answers.append(traffic(window, service)))
        for window in windows
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * PATIENCE)
    assert [answer == DATA for answer in answers] == [True, True]
    assert len(cloud.sessions) == 2


def test_window_opens_when_the_start_takes_longer_than_connect_timeout(
    editor: Editor, service: TcpService, cloud: Cloud
) -> None:
    cloud.stopped(start_seconds=3)
    window = editor.open(connect_timeout=1)
    with connect_through(window.socks_port, service.port, "127.0.0.1") as connection:
        connection.sendall(b"hello")
        assert receive_exactly(connection, 5) == b"hello"
    window.ssh.signal(signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_killed_ssh_leaves_nothing_behind(
    editor: Editor, service: TcpService, cloud: Cloud, ssh: Ssh, number: signal.Signals
) -> None:
    window = editor.open()
    other = editor.open()
    with connect_through(window.socks_port, service.port, "127.0.0.1") as connection:
        connection.sendall(b"in the middle of something")
        assert receive_exactly(connection, 26)
        connector = ssh.commands.connector_pids()[0]
        assert alive(connector)
        window.ssh.signal(number)
        eventually(lambda: has_ended(connector), "the end of the connector", END)
        eventually(lambda: has_ended(window.session_process), "the end of sshd's session", END)
        window.ssh.wait()
        assert connection.recv(1) == b""
    assert cloud.sessions[0].end_reason is not None
    assert cloud.stops(cloud.sessions[0]) == 1
    # The other window continues to work.
    with connect_through(other.socks_port, service.port, "127.0.0.1") as connection:
        connection.sendall(b"still here")
        assert receive_exactly(connection, 10) == b"still here"
    other.ssh.signal(signal.SIGTERM)
    ssh.commands.wait_connectors_gone()
