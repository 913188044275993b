"""paramiko over the library's socket, to a real sshd."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import paramiko
import pytest

import connector

from .cloud import Cloud
from .library import DATA
from .sshd import Sshd
from .targets import TcpService
from .waiting import PATIENCE, free_port

pytestmark = pytest.mark.usefixtures("library")

Connect = Callable[[connector.TunnelSocket], paramiko.SSHClient]


@pytest.fixture
def connect(sshd: Sshd, cloud: Cloud) -> Connect:
    """Log in over a socket. The caller closes the client."""
    cloud.unpaced()

    def log_in(stream: connector.TunnelSocket) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        try:
            sshd.let_in(client, stream)
        except BaseException:
            client.close()
            raise
        return client

    return log_in


@contextmanager
def logged_in(cloud: Cloud, connect: Connect) -> Iterator[paramiko.SSHClient]:
    with connector.open_socket(cloud.host) as stream:
        client = connect(stream)
        transport = client.get_transport()
        with client:
            yield client
        assert transport is not None
        transport.join(PATIENCE)
        assert not transport.is_alive()
        assert stream.error is None


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_command_runs(cloud: Cloud, connect: Connect) -> None:
    with logged_in(cloud, connect) as client:
        command = "cat; echo err >&2; exit 3"
        stdin, stdout, stderr = client.exec_command(command, timeout=PATIENCE)

        def write() -> None:
            stdin.write(DATA[:1_000_000])
            stdin.channel.shutdown_write()

        writer = threading.Thread(target=write)
        writer.start()
        assert stdout.read() == DATA[:1_000_000]
        writer.join()
        assert stderr.read() == b"err\n"
        assert stdout.channel.recv_exit_status() == 3
    assert cloud.stops(cloud.session()) == 1


def test_two_clients_put_and_get_files_at_once(
    cloud: Cloud, connect: Connect, tmp_path: Path
) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)

    def transfer(number: int) -> None:
        sent, copy, back = (tmp_path / f"{name}-{number}" for name in ("sent", "copy", "back"))
        sent.write_bytes(DATA[number:])
        with logged_in(cloud, connect) as client, client.open_sftp() as sftp:
            both.wait()
            sftp.put(str(sent), str(copy))
            sftp.get(str(copy), str(back))
            both.wait()
        assert digest(copy) == digest(back) == digest(sent)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(transfer, range(2)))
    assert len(cloud.sessions) == 2


def test_error_that_paramiko_hides_is_available(cloud: Cloud, connect: Connect) -> None:
    cloud.port = free_port()
    with connector.open_socket(cloud.host) as stream:
        with pytest.raises(paramiko.SSHException, match="SSH server"):
            connect(stream)
        assert isinstance(stream.error, connector.ConnectorError)


def test_ended_session_ends_the_client(cloud: Cloud, connect: Connect) -> None:
    with connector.open_socket(cloud.host) as stream, connect(stream) as client:
        transport = client.get_transport()
        assert transport is not None
        cloud.stop_session(cloud.session())
        transport.join(PATIENCE)
        assert isinstance(transport.get_exception(), connector.SessionEnded)
        assert isinstance(stream.error, connector.SessionEnded)


def test_silent_server_runs_into_paramikos_timeout(cloud: Cloud) -> None:
    quiet = threading.Event()

    def say_nothing(_: socket.socket) -> None:
        quiet.wait(PATIENCE)

    with TcpService(say_nothing) as service:
        cloud.port = service.port
        with connector.open_socket(cloud.host) as stream:
            transport = paramiko.Transport(stream)
            transport.banner_timeout = 0.3
            with pytest.raises(paramiko.SSHException, match="banner"):
                transport.start_client(timeout=PATIENCE)
            transport.join(PATIENCE)
        quiet.set()
