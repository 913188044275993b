"""The host keys of machines, as a client of another program sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from connector.emulator.machine.port import Dialer
from connector.emulator.machine.sshserver import SshServer, make_host_key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SshServer]:
    server = SshServer(make_host_key(), tmp_path)
    yield server
    server.close()


KeyOf = Callable[[Dialer], Awaitable[str]]


@pytest.fixture
def key_of() -> Iterator[KeyOf]:
    transports: list[paramiko.Transport] = []

    async def key_of(dialer: Dialer) -> str:
        sock = await dialer()
        sock.setblocking(True)
        transports.append(paramiko.Transport(sock))
        transports[-1].start_client(timeout=10)
        return transports[-1].get_remote_server_key().get_base64()

    yield key_of
    for transport in transports:
        transport.close()
        transport.join(10)


async def test_each_machine_keeps_a_key_of_its_own(server: SshServer, key_of: KeyOf) -> None:
    first = await key_of(server.dialer_of("first"))
    assert await key_of(server.dialer_of("second")) != first
    assert await key_of(server.dialer_of("first")) == first


async def test_server_without_machines_has_one_key(server: SshServer, key_of: KeyOf) -> None:
    assert await key_of(server.connect) == server.host_key.get_base64()
