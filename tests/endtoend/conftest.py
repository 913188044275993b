"""One emulator and one sshd for all tests; a home directory and a search for secrets for each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.machine.sshserver import SshServer, make_host_key

from .breaking import send_digest
from .cloud import Cloud
from .commands import Commands, Ssh
from .copies import Copies, LocalCopies
from .doctor import Patient
from .executing import Exec
from .library import nothing_left
from .resuming import make_ssm_client
from .secrecy import leaks, logging_all_to
from .sshd import Sshd
from .targets import TcpService, greeting_echo


@pytest.fixture(scope="session")
def the_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    sshd = Sshd(tmp_path_factory.mktemp("sshd"))
    yield sshd
    sshd.close()


@pytest.fixture(scope="session")
def the_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"))
    yield cloud
    cloud.close()


@pytest.fixture(scope="package", autouse=True)
def no_output_holds_a_secret(
    the_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Check all output of the tests, and all logs including the emulator's."""
    with logging_all_to(tmp_path_factory.mktemp("logs") / "in-process.log"):
        yield
    assert leaks(tmp_path_factory.getbasetemp(), the_cloud.secrets()) == []


@pytest.fixture
def cloud(the_cloud: Cloud) -> Iterator[Cloud]:
    """The emulator with the real agent's behaviour. Its port refuses until a test sets a port."""
    the_cloud.reset()
    yield the_cloud
    the_cloud.wait_all_ended()
    the_cloud.set_status(Status.RUNNING)


@pytest.fixture
def sshd(the_sshd: Sshd, cloud: Cloud) -> Sshd:
    """Make this sshd the Dev Environment's port."""
    cloud.port = the_sshd.port
    return the_sshd


@pytest.fixture
def echoing(cloud: Cloud) -> Iterator[None]:
    """Let the Dev Environment's port greet and echo, as fast as it can."""
    cloud.unpaced()
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        yield
        cloud.wait_all_ended()


@pytest.fixture
def judging(cloud: Cloud) -> Iterator[None]:
    """Let the Dev Environment's port answer with the digest of what it received."""
    with TcpService(send_digest) as service:
        cloud.port = service.port
        yield


@pytest.fixture(scope="module")
def ssm(the_cloud: Cloud) -> Any:
    return make_ssm_client(the_cloud)


@pytest.fixture
def commands(cloud: Cloud, tmp_path: Path) -> Iterator[Commands]:
    commands = Commands(cloud, tmp_path)
    yield commands
    commands.close()


@pytest.fixture
def fdpass() -> str:
    """``ProxyUseFdpass`` of ssh. A module replaces this to run its tests with both values."""
    return "yes"


@pytest.fixture
def ssh(commands: Commands, cloud: Cloud, sshd: Sshd, fdpass: str) -> Ssh:
    return Ssh(commands, cloud, sshd, fdpass)


@pytest.fixture
def copies(commands: Commands, cloud: Cloud, sshd: Sshd) -> Copies:
    """Copies to and from an agent without its pace."""
    cloud.unpaced()
    return Copies(commands, cloud, sshd)


@pytest.fixture
def local(
    commands: Commands, cloud: Cloud, capfdbinary: pytest.CaptureFixture[bytes]
) -> LocalCopies:
    """Copies whose far end is this machine, over no connection."""
    return LocalCopies(commands, cloud, capfdbinary)


@pytest.fixture
def execute(commands: Commands, cloud: Cloud) -> Exec:
    return Exec(commands, cloud)


@pytest.fixture(scope="session")
def the_ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An SSH server that accepts any user, because this machine has no mde-user."""
    server = SshServer(make_host_key(), tmp_path_factory.mktemp("remote-home"))
    yield server
    server.close()


@pytest.fixture
def patient(commands: Commands, cloud: Cloud, the_ssh_server: SshServer) -> Patient:
    """A user whose set-up has no fault."""
    cloud.target = the_ssh_server.connect
    return Patient(commands, cloud)


@pytest.fixture
def library(
    commands: Commands,
    cloud: Cloud,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[None]:
    """Set up this process as a user of the library, and check the library's promises at the end."""
    for name, value in {**cloud.environ, "HOME": commands.environ["HOME"]}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    with nothing_left():
        yield
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a UNIX socket (104 bytes)."""
    directory = Path(tempfile.mkdtemp(prefix="dc-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
