"""``connector doctor`` in set-ups without and with faults."""

from __future__ import annotations

import re
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from connector.cli import doctor as command
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.sessions import Session

from .cloud import START, Cloud, host_of
from .commands import CONNECTOR, Commands, Process
from .doctor import KEYS, PROFILE, SKIPPED, Patient, all_stopped_once, read
from .targets import TcpService, echo
from .terminals import Terminal
from .waiting import PATIENCE, free_port

DOCUMENT = Path(__file__).parents[2] / "docs/doctor.md"


@dataclass
class Silent:
    process: Process
    session: Session
    deaf: Process


@pytest.fixture(scope="module", autouse=True)
def silent(the_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Silent]:
    """One user whose SSH server never greets, and one whose API does not listen.

    Their doctors run while the other tests run.
    """
    the_cloud.reset()
    commands = Commands(the_cloud, tmp_path_factory.mktemp("silent"))
    reached = threading.Event()

    def listen(connection: socket.socket) -> None:
        reached.set()
        while connection.recv(65536):
            pass

    with TcpService(listen) as service, the_cloud.lasting() as environment:
        the_cloud.port = service.port
        patient = Patient(commands, the_cloud)
        # Other tests stop the shared environment and its sessions, so these users have their own.
        patient.host = host_of(environment)
        process = commands.start(*patient.command("--json"), environ=patient.environ)
        assert reached.wait(PATIENCE)
        session = the_cloud.session()
        url = f"https://127.0.0.1:{service.port}"
        deaf = commands.start(*patient.command("--endpoint-url", url), environ=patient.environ)
        yield Silent(process, session, deaf)
        for one in (process, deaf):
            if one.popen.poll() is None:  # the test of this user was not selected
                one.signal(signal.SIGINT)
                one.wait()
        commands.close()


def test_healthy_setup_passes_all_legs(patient: Patient, cloud: Cloud) -> None:
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert diagnosis.by_status("ok") == list(diagnosis.legs)
    assert diagnosis.text("greeting").startswith("SSH-2.0-paramiko_")
    steps = diagnosis.legs["greeting"]["facts"]["steps"]
    assert list(steps) == ["dial", "upgrade", "handshake", "greeting"]
    assert diagnosis.legs["session-end"]["facts"] == {"stopped": True}
    assert diagnosis.legs["ssh-login"]["facts"] == {"status": 0, "newHostKey": True}
    assert not patient.known_hosts.exists()
    assert all_stopped_once(cloud)


def test_legs_with_a_lasting_login_are_documented(patient: Patient) -> None:
    patient.log_in(3600)
    diagnosis = patient.examine()
    legs = diagnosis.legs
    rows = re.findall(
        r"^\| (`[a-z-]+`.*?) \| .*? \| (.*?) ?\|$", DOCUMENT.read_text(), re.MULTILINE
    )
    facts = {
        name: set(re.findall(r"`(\w+)`", words))
        for names, words in rows
        for name in re.findall(r"`([a-z-]+)`", names)
    }

    others = ("keys", "keys-identity", "region", "target")  # legs of other kinds
    assert [name for name in facts if name not in others] == list(legs)
    for name, leg in legs.items():
        as_documented = facts[name.replace("gateway-", "api-")]
        assert leg["facts"].keys() <= as_documented, name
    help_text = command.EPILOG.partition("The names: ")[2].partition(".")[0]
    assert [name.strip() for name in help_text.split(",")] == list(legs)
    assert diagnosis.exit_code == 0
    assert legs["token"]["facts"]["origin"] == f"the SSO login of the profile {PROFILE}"
    assert legs["token"]["facts"]["renewable"] is False
    assert "cannot be renewed" in diagnosis.text("token")
    assert f"connector login --profile {PROFILE}" in diagnosis.text("token")


def test_doctor_without_environment_ends_with_the_identity(patient: Patient, cloud: Cloud) -> None:
    patient.host = ""
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert list(diagnosis.legs)[-1] == "identity"
    assert diagnosis.legs["identity"]["facts"]["userName"] == "mary"
    assert cloud.sessions == []


def test_pipe_gets_one_line_for_each_leg(patient: Patient, commands: Commands) -> None:
    answer = commands.run(*patient.command(), environ=patient.environ)

    lines = answer.stdout.decode().splitlines()
    assert all(line.startswith("ok    ") for line in lines[:-1])
    assert re.fullmatch(r"No problem found, in [0-9.]+ s", lines[-1])
    assert b"\x1b" not in answer.stdout


def test_terminal_gets_colours_and_columns(patient: Patient, commands: Commands) -> None:
    patient.environ["AWS_BEARER_TOKEN_CODECATALYST"] = "a-token-of-another-user-0123456789"
    commands.environ.update(patient.environ, TERM="xterm-256color")
    with Terminal(50, 80) as terminal:
        process = terminal.start(commands, *patient.command())
        assert process.wait() == 77
        shown = terminal.reader.until(b"--report").decode()

    assert "\x1b[32m✓" in shown
    assert "\x1b[1;31m✗" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    lines = [line.rpartition("\r")[2].rstrip() for line in plain.replace("\r\n", "\n").split("\n")]
    assert max(map(len, lines)) <= 80
    at = next(index for index, line in enumerate(lines) if line.startswith("✗  identity"))
    column = lines[at].index("CodeCatalyst does not accept the token")
    hint = next(index for index, line in enumerate(lines[at:], at) if "Renew or unset" in line)
    assert lines[hint].index("Renew or unset") == column


def test_terminal_without_unicode_gets_ascii(patient: Patient, commands: Commands) -> None:
    commands.environ.update(patient.environ, TERM="xterm", PYTHONIOENCODING="ascii")
    with Terminal(50, 80) as terminal:
        process = terminal.start(commands, *patient.command())
        assert process.wait() == 0
        shown = terminal.reader.until(b"No problem found")

    assert b"+\x1b[0m  token" in shown.replace(b"\x1b[39m", b"\x1b[0m")
    assert shown.isascii()


# Login


def test_expired_login_fails(patient: Patient) -> None:
    patient.log_in(-60)
    diagnosis = patient.examine()

    diagnosis.check(77, "token")
    assert "has expired and cannot be renewed" in diagnosis.text("token")
    assert f"connector login --profile {PROFILE}" in diagnosis.text("token")
    assert diagnosis.status("api-tls") == "ok"


def test_missing_login_fails(patient: Patient) -> None:
    del patient.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    diagnosis = patient.examine()

    diagnosis.check(77, "profile")
    assert "connector login" in diagnosis.text("profile")
    assert "login profile: failed" in diagnosis.text("token")


def test_rejected_token_fails(patient: Patient) -> None:
    patient.environ["AWS_BEARER_TOKEN_CODECATALYST"] = "a-token-of-another-user-0123456789"
    diagnosis = patient.examine()

    diagnosis.check(77, "identity")
    assert "AWS_BEARER_TOKEN_CODECATALYST" in diagnosis.text("identity")


def test_missing_profile_warns(patient: Patient) -> None:
    patient.host = ""
    diagnosis = patient.examine("--profile", "other")

    diagnosis.check(0, "aws-config", skipped=KEYS)
    assert "profile other does not exist" in diagnosis.text("aws-config")
    assert "connector login --profile other" in diagnosis.text("aws-config")


def test_whoami_reports_missing_profile(patient: Patient, commands: Commands) -> None:
    answer = commands.run(*CONNECTOR, "whoami", "--profile", "other", environ=patient.environ)

    assert answer.returncode == 0
    assert b"The profile other does not exist" in answer.stderr
    assert b"user     mary" in answer.stdout


# Environment


def test_deleted_environment_fails(patient: Patient, cloud: Cloud) -> None:
    patient.host = cloud.host.replace(cloud.environment.id, str(uuid.uuid4()))
    diagnosis = patient.examine()

    diagnosis.check(68, "environment")
    assert "knows no Dev Environment" in diagnosis.text("environment")


def test_stopped_environment_stays_stopped(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPED)
    diagnosis = patient.examine()

    diagnosis.check(0, "environment", skipped=SKIPPED["environment"])
    assert f"`connector start {patient.host}`" in diagnosis.text("environment")
    assert f"it is STOPPED: run `connector start {patient.host}`" in diagnosis.text("greeting")
    assert cloud.environment.status is Status.STOPPED
    assert cloud.sessions == []


def test_starting_environment_is_a_warning(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.STARTING)
    diagnosis = patient.examine()

    diagnosis.check(0, "environment", skipped=SKIPPED["environment"])
    assert "it is STARTING" in diagnosis.text("session")


def test_failed_environment_shows_its_reason(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.FAILED, "The image could not be pulled")
    diagnosis = patient.examine()

    diagnosis.check(75, "environment")
    assert "The image could not be pulled" in diagnosis.text("environment")


# Session


def test_gateway_that_refuses_the_upgrade_fails(patient: Patient, cloud: Cloud) -> None:
    cloud.gateway.refuse_upgrades(403)
    diagnosis = patient.examine()

    diagnosis.check(76, "greeting")
    assert "refused the connection (403)" in diagnosis.text("greeting")
    assert list(diagnosis.legs["greeting"]["facts"]["steps"]) == ["dial"]
    assert all_stopped_once(cloud, 1)


def test_closed_ssh_port_fails(patient: Patient, cloud: Cloud) -> None:
    cloud.port = free_port()
    diagnosis = patient.examine()

    diagnosis.check(69, "greeting")
    assert "The service closed the session" in diagnosis.text("greeting")
    assert list(diagnosis.legs["greeting"]["facts"]["steps"]) == ["dial", "upgrade", "handshake"]
    assert all_stopped_once(cloud, 1)


def test_server_without_ssh_greeting_fails(patient: Patient, cloud: Cloud) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b"220 mail ready\r\n" * 5000)
        echo(connection)

    with TcpService(speak) as service:
        cloud.port = service.port
        cloud.unpaced()
        diagnosis = patient.examine()

    diagnosis.check(76, "greeting")
    assert "not an SSH server" in diagnosis.text("greeting")
    assert all_stopped_once(cloud, 1)


# End


@pytest.mark.parametrize(("name", "exit_code"), [("SIGTERM", 143), ("SIGHUP", 130)])
def test_signal_leaves_no_session(
    patient: Patient, commands: Commands, cloud: Cloud, name: str, exit_code: int
) -> None:
    with TcpService(echo) as service:
        cloud.port = service.port
        process = commands.start(*patient.command("--json"), environ=patient.environ)
        cloud.wait_for_agents()
        process.signal(signal.Signals[name])
        assert process.wait() == exit_code
    assert process.reader.rest() == b""
    assert process.stderr() == ""
    assert all_stopped_once(cloud, 1)


def test_ctrl_c_stops_a_session_that_is_being_started(
    patient: Patient, commands: Commands, cloud: Cloud
) -> None:
    cloud.misbehaviours.delay(START, 1.0)
    process = commands.start(*patient.command(), environ=patient.environ)
    cloud.wait_for_requests(START)
    process.signal(signal.SIGINT)
    assert process.wait() == 130
    assert all_stopped_once(cloud, 1)


def test_server_that_never_greets_times_out(silent: Silent, the_cloud: Cloud) -> None:
    exit_code = silent.process.wait()
    diagnosis = read(silent.process.reader.rest(), exit_code)

    diagnosis.check(69, "greeting")
    assert "sends no greeting" in diagnosis.text("greeting")
    assert the_cloud.stops(silent.session) == 1


def test_api_that_does_not_listen_fails(silent: Silent) -> None:
    text = silent.deaf.reader.rest().decode()

    assert silent.deaf.wait() == 69, text
    assert "127.0.0.1 does not complete the TLS handshake" in text
    assert "skip  identity" in text
