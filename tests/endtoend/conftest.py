"""One emulator and one sshd for all tests; a home directory and a search for secrets for each."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.harness import ConnectorEmulator
from connector.emulator.machine.sshserver import SshServer, make_host_key

from ..targets.regional.lampworld import Lamp
from ..targets.regional.works import Lampworks
from .breaking import send_digest
from .builds import Builds
from .cloud import Cloud
from .commands import Commands, Ssh
from .copies import Copies, LocalCopies
from .doctor import Patient
from .ecs import Containers
from .executing import Exec
from .fleet import Fleet, User
from .lampuser import LampUser
from .library import nothing_left
from .resuming import make_ssm_client
from .secrecy import leaks, logging_all_to
from .sshd import Sshd
from .studio import Studio
from .targets import TcpService, greeting_echo
from .waiting import eventually


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


@pytest.fixture(scope="module")
def the_fleet(tmp_path_factory: pytest.TempPathFactory, the_sshd: Sshd) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), the_sshd)
    yield fleet
    fleet.close()


@pytest.fixture
def fleet(the_fleet: Fleet) -> Fleet:
    the_fleet.reset()
    return the_fleet


@pytest.fixture
def user(fleet: Fleet, tmp_path: Path) -> Iterator[User]:
    """The user of the fleet. Modules with other targets have users of their own."""
    user = User(fleet, tmp_path)
    yield user
    (tmp_path / "home" / ".aws" / "credentials").unlink()  # the only file that has the key
    assert leaks(tmp_path, fleet.secrets()) == []


@pytest.fixture
def lamp_user(commands: Commands, tmp_path: Path) -> LampUser:
    return LampUser(commands, tmp_path)


@pytest.fixture(scope="module")
def echoing_port() -> Iterator[int]:
    """A port that greets and echoes."""
    with TcpService(greeting_echo) as service:
        yield service.port


@pytest.fixture
def lampworks(lamp_user: LampUser, echoing_port: int, tmp_path: Path) -> Iterator[Lampworks]:
    """Lamps whose port greets and echoes."""
    with Lampworks(tmp_path / "works", echoing_port) as works:
        lamp_user.reaches(works)
        yield works
        eventually(lambda: works.living() == [], "the end of all sessions")


@pytest.fixture
def desk(lampworks: Lampworks) -> Lamp:
    return lampworks.world.add_lamp("desk")


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Studio(tmp_path) as studio:
        yield studio


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[Builds]:
    with Builds(tmp_path) as builds:
        yield builds
        builds.call(builds.released.set)


@pytest.fixture
def ecs(tmp_path: Path) -> Iterator[Containers]:
    directory = tmp_path / "emulator"
    directory.mkdir()
    with ConnectorEmulator(directory, ("ecs",)) as emulator:
        emulator.set_agent(message_interval=0.0, first_output_delay=0.0)
        user = Containers(emulator, tmp_path)
        yield user
        assert leaks(tmp_path, user.secrets()) == []


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory whose path leaves room for the name of a UNIX socket (104 bytes)."""
    directory = Path(tempfile.mkdtemp(prefix="dc-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)
