"""``connector doctor`` where ssh fails although every other leg passes."""

from __future__ import annotations

import signal
import socket
import sys
from pathlib import Path

import pytest
from aiohttp import web

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.rest import Proceed

from .cloud import STOP, Cloud
from .commands import Commands
from .doctor import Patient, all_stopped_once
from .sshd import USER, Sshd
from .targets import TcpService
from .waiting import eventually, free_port

SOCKET_PATH = 108 if sys.platform == "linux" else 104


def test_known_host_key_is_found(patient: Patient, commands: Commands) -> None:
    ssh = ["ssh", "-F", str(patient.config), patient.host, "true"]
    assert commands.run(*ssh, environ=patient.environ).returncode == 0
    before = patient.known_hosts.read_bytes()

    assert patient.examine().legs["ssh-login"]["facts"]["newHostKey"] is False
    assert patient.known_hosts.read_bytes() == before


def test_changed_host_key_fails(patient: Patient, the_sshd: Sshd) -> None:
    other = the_sshd.user_key.with_suffix(".pub").read_text()
    patient.known_hosts.write_text(f"{patient.host.lower()} {other}")
    diagnosis = patient.examine()

    diagnosis.check(77, "ssh-login")
    assert "The host key of" in diagnosis.text("ssh-login")


@pytest.mark.parametrize(
    ("checking", "exit_code", "status", "said"),
    [
        ("ask", 0, "warn", "ask you to accept it"),
        ("yes", 78, "fail", "StrictHostKeyChecking rejects new keys"),
    ],
)
def test_unknown_host_key_warns_or_fails(
    patient: Patient, checking: str, exit_code: int, status: str, said: str
) -> None:
    patient.write_config(f"StrictHostKeyChecking {checking}", "ProxyCommand connector proxy %n")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("ssh-login")) == (exit_code, status)
    assert said in diagnosis.text("ssh-login")
    assert not patient.known_hosts.exists()


def test_key_login_as_another_user_passes(patient: Patient, cloud: Cloud, the_sshd: Sshd) -> None:
    cloud.port = the_sshd.port
    patient.write_config(
        f"User {USER}",
        f"IdentityFile {the_sshd.user_key}",
        f"HostKeyAlias {the_sshd.alias}",
        f"UserKnownHostsFile {the_sshd.known_hosts}",
        "StrictHostKeyChecking yes",
        "ProxyCommand connector proxy %n",
    )
    diagnosis = patient.examine()

    diagnosis.check(0, "ssh-config")
    assert diagnosis.legs["ssh-login"]["facts"] == {"status": 0, "newHostKey": False}
    assert all_stopped_once(cloud)


@pytest.mark.parametrize(
    ("user", "hint"), [("mde-user", "ssh-add"), ("mde-admin", "Log in as mde-user")]
)
def test_denied_login_fails(
    patient: Patient, cloud: Cloud, the_sshd: Sshd, user: str, hint: str
) -> None:
    cloud.port = the_sshd.port
    patient.write_config(f"User {user}", "ProxyCommand connector proxy %n")
    diagnosis = patient.examine()

    diagnosis.check(77, "ssh-login")
    assert f"rejects the login of {user} (it accepts publickey)" in diagnosis.text("ssh-login")
    assert hint in diagnosis.text("ssh-login")
    assert f" -F {patient.config}" in diagnosis.text("ssh-login")
    assert all_stopped_once(cloud)


def test_remote_command_for_all_hosts_fails(patient: Patient) -> None:
    patient.write_config(
        "ProxyCommand connector proxy %n",
        "RequestTTY yes",
        "RemoteCommand tmux new -A -s main",
        f"LocalForward 127.0.0.1:{free_port()} 127.0.0.1:80",
        "ExitOnForwardFailure yes",
    )
    diagnosis = patient.examine()

    diagnosis.check(78, "ssh-login")
    assert "RemoteCommand is set" in diagnosis.text("ssh-config")
    assert "Set RemoteCommand to none" in diagnosis.text("ssh-login")


def test_forwarded_port_in_use_fails(patient: Patient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        patient.write_config(
            "ProxyCommand connector proxy %n",
            f"LocalForward 127.0.0.1:{busy.getsockname()[1]} 127.0.0.1:80",
            "ExitOnForwardFailure yes",
        )
        diagnosis = patient.examine()

    diagnosis.check(78, "ssh-login")
    assert "forwards is in use" in diagnosis.text("ssh-login")


@pytest.mark.parametrize(("master", "suffix"), [("auto", 17), ("no", 0)])
def test_control_path_beyond_socket_limit_fails(
    patient: Patient, short_path: Path, master: str, suffix: int
) -> None:
    room = SOCKET_PATH - 1 - suffix - len(f"{short_path}/")
    settings = ("ProxyCommand connector proxy %n", f"ControlMaster {master}")
    patient.write_config(*settings, f"ControlPath {short_path / ('x' * (room + 1))}")
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert "1 bytes too long for a socket" in diagnosis.text("ssh-config")
    patient.write_config(*settings, f"ControlPath {short_path / ('x' * room)}")
    assert patient.look_at_config().status("ssh-config") == "ok"
    if master == "auto":  # ssh itself has the same limit
        assert patient.examine().status("ssh-login") == "ok"


def test_control_path_in_missing_directory_fails(patient: Patient, short_path: Path) -> None:
    patient.write_config(
        "ProxyCommand connector proxy %n",
        f"ControlPath {short_path}/masters/%C",
        "ControlMaster auto",
    )
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert f"in {short_path}/masters, which does not exist" in diagnosis.text("ssh-config")


def test_shared_connection_is_neither_used_nor_left(
    patient: Patient, cloud: Cloud, short_path: Path
) -> None:
    path = short_path / "shared-by-others"
    with socket.socket(socket.AF_UNIX) as other:  # a master that would never answer
        other.bind(str(path))
        other.listen()
        patient.write_config(
            "ProxyCommand connector proxy %n",
            f"ControlPath {path}",
            "ControlMaster auto",
            "ControlPersist 10m",
        )
        diagnosis = patient.examine()

    assert diagnosis.status("ssh-login") == "ok"
    assert list(short_path.iterdir()) == [path]
    assert all_stopped_once(cloud)


@pytest.mark.parametrize("shell", ["/no/such/shell", "/bin/false", "sh"])
def test_shell_that_runs_no_commands_fails(patient: Patient, shell: str) -> None:
    patient.environ["SHELL"] = shell
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert f"with {shell}, because SHELL names it" in diagnosis.text("ssh-config")


def test_proxy_command_that_ssh_cannot_run_fails(patient: Patient) -> None:
    patient.write_config("ProxyCommand exec connector proxy %n")
    diagnosis = patient.examine()

    diagnosis.check(69, "ssh-login")
    assert diagnosis.by_status("warn") == ["ssh-config"]


@pytest.mark.parametrize("option", ["", "-I "])
def test_python_variables_for_the_proxy_command_warn(
    patient: Patient, tmp_path: Path, option: str
) -> None:
    patient.environ["PYTHONPATH"] = str(tmp_path)
    patient.write_config(f"ProxyCommand {sys.executable} {option}-m connector proxy %n")
    diagnosis = patient.look_at_config()

    heeded = [] if option else ["PYTHONPATH"]
    assert diagnosis.exit_code == 0
    assert diagnosis.legs["ssh-config"]["facts"]["pythonVariables"] == heeded
    assert diagnosis.status("ssh-config") == ("warn" if heeded else "ok")


def test_reason_of_the_connector_is_shown(patient: Patient) -> None:
    wrapped = "env AWS_BEARER_TOKEN_CODECATALYST= connector proxy %n"
    patient.write_config(f"ProxyCommand {wrapped}")
    diagnosis = patient.examine()

    diagnosis.check(69, "ssh-login")
    assert "There is no bearer token" in diagnosis.text("ssh-login")


@pytest.mark.parametrize(
    ("command", "warned"),
    [
        ("connector proxy --start %n", ["ssh-login"]),
        (
            "sh -c 'CONNECTOR_START=yes exec connector proxy \"$0\"' %n",
            ["ssh-config", "ssh-login"],
        ),
    ],
)
def test_proxy_command_with_start_is_not_run(
    patient: Patient, cloud: Cloud, command: str, warned: list[str]
) -> None:
    patient.write_config(f"ProxyCommand {command}")
    diagnosis = patient.examine()

    diagnosis.check(0, *warned)
    assert "--start" in diagnosis.text("ssh-login")
    assert all_stopped_once(cloud, 1)


def test_environment_that_stops_meanwhile_is_not_started(
    patient: Patient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.write_config("ProxyCommand env CONNECTOR_START=yes connector proxy %n")
    usual = cloud.server.intercept
    assert usual is not None

    async def stop_with_session(
        operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        response = await usual(operation, request, proceed)
        if operation == STOP:
            cloud.set_status_of(cloud.environment, Status.STOPPED)
        return response

    monkeypatch.setattr(cloud.server, "intercept", stop_with_session)
    diagnosis = patient.examine()

    diagnosis.check(69, "ssh-login")
    assert "is STOPPED" in diagnosis.text("ssh-login")
    assert cloud.environment.status is Status.STOPPED


def test_ctrl_c_ends_ssh(patient: Patient, commands: Commands, cloud: Cloud) -> None:
    def greet(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.9\r\n")
        while connection.recv(65536):
            pass

    with TcpService(greet) as service:
        cloud.port = service.port
        process = commands.start(*patient.command("--json"), environ=patient.environ)
        cloud.wait_for_agents(2)
        process.signal(signal.SIGINT)
        assert process.wait() == 130
    eventually(lambda: all_stopped_once(cloud), "the end of both sessions")
    commands.wait_connectors_gone()
