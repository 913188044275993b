"""An embedded server and its clients."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from connector.emulator.machine.sshserver import SshServer, make_host_key

from .clients import HOST, Dispenser, OpenSsh


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
        "  User stranger\n"
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
