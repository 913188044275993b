"""paramiko over the connector as its ProxyCommand."""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Ssh
from .sshd import Sshd
from .waiting import PATIENCE

DATA = random.Random(4).randbytes(300_000)


@pytest.fixture
def client(
    ssh: Ssh, sshd: Sshd, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> Iterator[paramiko.SSHClient]:
    for name, value in ssh.commands.environ.items():
        monkeypatch.setenv(name, value)
    proxy = paramiko.ProxyCommand(shlex.join([*CONNECTOR, "proxy", ssh.host]))
    client = paramiko.SSHClient()
    try:
        sshd.let_in(client, proxy)
        yield client
    finally:
        transport = client.get_transport()
        client.close()
        if transport is not None:
            # paramiko's thread signals the process too, so the process must not be reaped before.
            transport.join(PATIENCE)
        process = proxy.process
        process.wait(PATIENCE)
        process.communicate()
    # paramiko ends its ProxyCommand by two SIGTERMs in a row.
    assert process.returncode == 143
    assert cloud.stops(cloud.session()) == 1


def test_paramiko_runs_commands(client: paramiko.SSHClient) -> None:
    stdin, stdout, stderr = client.exec_command("cat; echo err >&2; exit 3", timeout=PATIENCE)
    stdin.write(DATA)
    stdin.channel.shutdown_write()
    assert stdout.read() == DATA
    assert stderr.read() == b"err\n"
    assert stdout.channel.recv_exit_status() == 3


def test_paramiko_transfers_files(client: paramiko.SSHClient, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    with client.open_sftp() as sftp:
        sftp.put(str(tmp_path / "file"), str(tmp_path / "copy"))
        sftp.get(str(tmp_path / "copy"), str(tmp_path / "back"))
    assert (tmp_path / "copy").read_bytes() == DATA
    assert (tmp_path / "back").read_bytes() == DATA
