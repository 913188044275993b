"""What ``connector doctor`` finds in set-ups that are well, and in broken ones."""

from __future__ import annotations

import re
import signal
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from connector.cli import doctor as command
from connector.emulator.certificates import make_certificates
from connector.emulator.errors import InternalFailure
from connector.emulator.resources import Session, Status
from connector.emulator.rest import Proceed
from tests.aws.peers import ConnectProxy

from ..hostile.gateway import HostileGateway
from .cloud import START, Cloud
from .commands import Commands, Process
from .doctor import PASSWORD, PROFILE, Patient, read
from .sshd import Sshd
from .targets import TcpService, echo
from .terminals import Terminal
from .waiting import PATIENCE, free_port

DOCUMENT = Path(__file__).parents[2] / "docs/doctor.md"


@pytest.fixture
def patient(commands: Commands, cloud: Cloud, sshd: Sshd) -> Patient:
    """Somebody with whom all is well."""
    return Patient(commands, cloud)


@dataclass
class Silent:
    process: Process
    session: Session
    deaf: Process


@pytest.fixture(scope="module", autouse=True)
def silent(the_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Silent]:
    """One whose SSH server never greets, and one whose API does not listen.

    They are waited for while the other tests run.
    """
    the_cloud.reset()
    commands = Commands(the_cloud, tmp_path_factory.mktemp("silent"))
    reached = threading.Event()

    def listen(connection: socket.socket) -> None:
        reached.set()
        while connection.recv(65536):
            pass

    with TcpService(listen) as service:
        the_cloud.port = service.port
        patient = Patient(commands, the_cloud)
        process = commands.start(*patient.command("--json"), environ=patient.environ)
        assert reached.wait(PATIENCE)
        session = the_cloud.session()
        url = f"https://127.0.0.1:{service.port}"
        deaf = commands.start(*patient.command("--endpoint-url", url), environ=patient.environ)
        yield Silent(process, session, deaf)
        for one in (process, deaf):
            if one.popen.poll() is None:  # its test was not among those that ran
                one.signal(signal.SIGINT)
                one.wait()
        commands.close()


def stopped_once(cloud: Cloud, count: int = 2) -> bool:
    """Whether each session was stopped: one of the examination, one of the report."""
    return len(cloud.sessions) == count and all(cloud.stops(it) == 1 for it in cloud.sessions)


def test_all_is_well(patient: Patient, cloud: Cloud) -> None:
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert diagnosis.by_status("ok") == list(diagnosis.legs)
    assert diagnosis.text("greeting").startswith("SSH-2.0-OpenSSH_")
    steps = diagnosis.legs["greeting"]["facts"]["steps"]
    assert list(steps) == ["dial", "upgrade", "handshake", "greeting"]
    assert diagnosis.legs["session-end"]["facts"] == {"stopped": True}
    assert stopped_once(cloud)


def test_names_and_facts_of_the_legs_are_documented(patient: Patient) -> None:
    patient.log_in(3600)
    legs = patient.examine().legs
    rows = re.findall(
        r"^\| (`[a-z-]+`.*?) \| .*? \| (.*?) ?\|$", DOCUMENT.read_text(), re.MULTILINE
    )
    facts = {
        name: set(re.findall(r"`(\w+)`", words))
        for names, words in rows
        for name in re.findall(r"`([a-z-]+)`", names)
    }

    assert list(facts) == list(legs)
    for name, leg in legs.items():
        as_documented = facts[name.replace("gateway-", "api-")]
        assert leg["facts"].keys() <= as_documented, name
    help_text = command.EPILOG.partition("The names: ")[2].partition(".")[0]
    assert [name.strip() for name in help_text.split(",")] == list(legs)


def test_without_an_environment_it_ends_with_who_one_is(patient: Patient, cloud: Cloud) -> None:
    patient.host = ""
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert list(diagnosis.legs)[-1] == "identity"
    assert diagnosis.legs["identity"]["facts"]["userName"] == "mary"
    assert cloud.sessions == []


def test_what_variables_name_is_private(patient: Patient, cloud: Cloud) -> None:
    environment = cloud.environment
    patient.environ |= {"SPACE_NAME": "blue-whale!", "PROJECT_NAME": environment.project_name}
    patient.environ |= {"DEVENV_ID": environment.id}
    patient.host = ""
    diagnosis = patient.examine()
    assert "'blue-whale!' is not the name of a space" in diagnosis.text("environment")


def test_what_cannot_be_listed_is_private(patient: Patient, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse("ListDevEnvironments", InternalFailure("Broken"), times=100)
    patient.host = "unknown"
    diagnosis = patient.examine()
    assert "cannot list the project ExampleCorp/" in diagnosis.text("environment")


def test_a_login_that_lasts(patient: Patient) -> None:
    patient.log_in(3600)
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    facts = diagnosis.legs["token"]["facts"]
    assert facts["origin"] == f"the SSO login of the profile {PROFILE}"
    assert facts["renewable"] is False
    assert "cannot be renewed" in diagnosis.text("token")
    assert f"connector login --profile {PROFILE}" in diagnosis.text("token")


def test_text_for_a_pipe_has_a_line_for_each_leg(patient: Patient, commands: Commands) -> None:
    answer = commands.run(*patient.command(), environ=patient.environ)

    lines = answer.stdout.decode().splitlines()
    assert all(line.startswith("ok    ") for line in lines[:-1])
    assert re.fullmatch(r"All is well, in [0-9.]+ s", lines[-1])
    assert b"\x1b" not in answer.stdout


def test_a_terminal_has_colours_and_columns(patient: Patient, commands: Commands) -> None:
    patient.environ["AWS_BEARER_TOKEN_CODECATALYST"] = "a-token-of-somebody-else-0123456789"
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


def test_a_terminal_of_few_characters(patient: Patient, commands: Commands) -> None:
    commands.environ.update(patient.environ, TERM="xterm", PYTHONIOENCODING="ascii")
    with Terminal(50, 80) as terminal:
        process = terminal.start(commands, *patient.command())
        assert process.wait() == 0
        shown = terminal.reader.until(b"All is well")

    assert b"+\x1b[0m  token" in shown.replace(b"\x1b[39m", b"\x1b[0m")
    assert shown.isascii()


# The login


def test_expired_login(patient: Patient) -> None:
    patient.log_in(-60)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (77, ["token"])
    assert "has expired and cannot be renewed" in diagnosis.text("token")
    assert f"connector login --profile {PROFILE}" in diagnosis.text("token")
    assert diagnosis.status("api-tls") == "ok"
    assert diagnosis.status("identity") == diagnosis.status("environment") == "skip"


def test_no_login(patient: Patient) -> None:
    del patient.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (77, ["profile"])
    assert "connector login" in diagnosis.text("profile")
    assert "login profile: failed" in diagnosis.text("token")


def test_token_that_the_service_does_not_take(patient: Patient) -> None:
    patient.environ["AWS_BEARER_TOKEN_CODECATALYST"] = "a-token-of-somebody-else-0123456789"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (77, ["identity"])
    assert "AWS_BEARER_TOKEN_CODECATALYST" in diagnosis.text("identity")


# The network


def test_unknown_ca_of_the_api(patient: Patient, tmp_path: Path) -> None:
    patient.environ["AWS_CA_BUNDLE"] = str(make_certificates(tmp_path / "other").ca_file)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (76, ["api-tls"])
    assert "is signed by an unknown CA" in diagnosis.text("api-tls")
    assert "what we see is signed by trustme" in diagnosis.text("api-tls")
    assert "not by Amazon" in diagnosis.text("api-tls")
    assert "AWS_CA_BUNDLE" in diagnosis.text("api-tls")
    assert diagnosis.status("token") == "ok"


def test_unknown_ca_of_the_gateway_alone(patient: Patient, cloud: Cloud, tmp_path: Path) -> None:
    context = make_certificates(tmp_path / "other").server_context
    with HostileGateway(context, lambda conversation: None) as gateway:
        cloud.stream_base = f"wss://127.0.0.1:{gateway.port}"
        diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (76, ["gateway-tls"])
    assert "what we see is signed by trustme" in diagnosis.text("gateway-tls")
    assert (diagnosis.status("greeting"), diagnosis.status("session-end")) == ("skip", "ok")
    assert stopped_once(cloud)


def test_ca_bundle_that_is_not_there(patient: Patient) -> None:
    patient.environ["AWS_CA_BUNDLE"] = "/no/such/file.pem"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["ca"])
    assert "/no/such/file.pem" in diagnosis.text("ca")


def test_name_of_the_api_that_nobody_knows(patient: Patient) -> None:
    patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] = "https://api.invalid"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (69, ["api-dns"])
    assert "its name is not known" in diagnosis.text("api-dns")


def test_name_of_the_gateway_that_nobody_knows(patient: Patient, cloud: Cloud) -> None:
    cloud.stream_base = "wss://gateway.invalid"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (69, ["gateway-dns"])
    assert stopped_once(cloud)


def test_api_that_nobody_listens_on_but_the_last_gateway_is_looked_at(
    patient: Patient, cloud: Cloud
) -> None:
    assert patient.examine().exit_code == 0
    patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] = f"https://127.0.0.1:{free_port()}"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (69, ["api-proxy"])
    assert "Connection refused" in diagnosis.text("api-proxy")
    assert "the last session's" in diagnosis.text("gateway")
    assert diagnosis.status("gateway-tls") == "ok"


def test_everything_through_a_proxy(patient: Patient) -> None:
    with ConnectProxy(login=f"mary:{PASSWORD}") as proxy:
        patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@127.0.0.1:{proxy.port}"
        diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    for name in ("api-proxy", "gateway-proxy"):
        assert f"through the proxy http://127.0.0.1:{proxy.port}" in diagnosis.text(name)
        assert diagnosis.legs[name]["facts"]["variable"] == "HTTPS_PROXY"
        assert PASSWORD not in diagnosis.text(name)


def test_proxy_that_no_proxy_leaves_out(patient: Patient) -> None:
    patient.environ.update(HTTPS_PROXY="http://127.0.0.1:9", no_proxy="127.0.0.1")
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert "NO_PROXY excepts it from HTTPS_PROXY" in diagnosis.text("api-proxy")


def test_proxy_that_refuses(patient: Patient) -> None:
    with ConnectProxy(refuse="403 Forbidden") as proxy:
        patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@127.0.0.1:{proxy.port}"
        diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["api-proxy"])
    assert "refuses the way to 127.0.0.1 (403 Forbidden)" in diagnosis.text("api-proxy")


def test_proxy_whose_name_nobody_knows(patient: Patient) -> None:
    patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@proxy.invalid:3128"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["api-dns"])
    assert "The proxy http://proxy.invalid:3128 cannot be reached" in diagnosis.text("api-dns")


def test_endpoint_that_only_botocore_can_judge(patient: Patient) -> None:
    patient.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert diagnosis.by_status("skip") == ["api-dns", "api-proxy", "api-tls", "clock"]
    assert diagnosis.status("identity") == diagnosis.status("greeting") == "ok"


def test_proxy_of_an_unknown_kind(patient: Patient) -> None:
    patient.environ["HTTPS_PROXY"] = f"socks5://mary:{PASSWORD}@proxy.acme.example:1080"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["api-proxy"])
    assert "socks5:// is not supported" in diagnosis.text("api-proxy")


def test_variable_that_is_not_looked_at(patient: Patient) -> None:
    patient.environ["ALL_PROXY"] = "socks5://127.0.0.1:1"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("api-proxy")) == (0, "warn")
    assert "ALL_PROXY is not looked at" in diagnosis.text("api-proxy")


@pytest.mark.parametrize(("hours", "word"), [(1, "60 min behind"), (-1, "60 min ahead")])
def test_clock_that_is_wrong(
    patient: Patient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, hours: int, word: str
) -> None:
    usual = cloud.server.intercept
    assert usual is not None

    async def elsewhen(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        if "Authorization" in request.headers:
            return await usual(operation, request, proceed)
        date = formatdate(time.time() + 3600 * hours, usegmt=True)
        return web.Response(status=401, headers={"Date": date})

    monkeypatch.setattr(cloud.server, "intercept", elsewhen)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("clock")) == (0, "warn")
    assert word in diagnosis.text("clock")


# The environment


def test_environment_that_is_deleted(patient: Patient, cloud: Cloud) -> None:
    patient.host = cloud.host.replace(cloud.environment.id, str(uuid.uuid4()))
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (68, ["environment"])
    assert "knows no Dev Environment" in diagnosis.text("environment")


def test_stopped_environment_is_left_as_it_is(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPED)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("warn")) == (0, ["environment"])
    assert "connector start --space ExampleCorp" in diagnosis.text("environment")
    assert "it is STOPPED: run `connector start`" in diagnosis.text("greeting")
    assert cloud.environment.status is Status.STOPPED
    assert cloud.sessions == []


def test_environment_that_is_starting(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.STARTING)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("warn")) == (0, ["environment"])
    assert "it is STARTING" in diagnosis.text("session")


def test_failed_environment_with_its_reason(patient: Patient, cloud: Cloud) -> None:
    cloud.set_status(Status.FAILED, "The image could not be pulled")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (75, ["environment"])
    assert "The image could not be pulled" in diagnosis.text("environment")


# The session


def test_gateway_that_refuses_the_upgrade(patient: Patient, cloud: Cloud) -> None:
    cloud.gateway.refuse_upgrades(403, times=2)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (76, ["greeting"])
    assert "refused the connection (403)" in diagnosis.text("greeting")
    assert list(diagnosis.legs["greeting"]["facts"]["steps"]) == ["dial"]
    assert stopped_once(cloud)


def test_closed_ssh_port(patient: Patient, cloud: Cloud) -> None:
    cloud.port = free_port()
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (69, ["greeting"])
    assert "The service closed the session" in diagnosis.text("greeting")
    assert list(diagnosis.legs["greeting"]["facts"]["steps"]) == ["dial", "upgrade", "handshake"]
    assert stopped_once(cloud)


def test_server_that_is_no_ssh_server(patient: Patient, cloud: Cloud) -> None:
    def speak(connection: socket.socket) -> None:
        connection.sendall(b"220 mail ready\r\n" * 5000)
        echo(connection)

    with TcpService(speak) as service:
        cloud.port = service.port
        cloud.unpaced()
        diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (76, ["greeting"])
    assert "no SSH server" in diagnosis.text("greeting")
    assert stopped_once(cloud)


# ssh's configuration


def test_no_section_for_the_host(patient: Patient) -> None:
    patient.config.write_text("")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["ssh-config"])
    assert "no ProxyCommand" in diagnosis.text("ssh-config")
    assert "connector config-ssh" in diagnosis.text("ssh-config")
    assert diagnosis.status("greeting") == "ok"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ProxyCommand /no/such/connector proxy %n", "is no executable"),
        ("ProxyCommand no-such-connector/connector proxy %n", "is no executable"),
        ("ProxyCommand cat %n", "runs cat, and not the connector"),
        ("ProxyCommand exec nc proxy 22", "runs nc, and not the connector"),
        ("ProxyCommand connector proxy %h", "the name has capitals"),
        ("ProxyCommand connector proxy", "%n is missing"),
        ("ProxyCommand connector proxy --no-such-option %n", "is wrong: unrecognized"),
        ("ProxyCommand connector proxy '%n", "invalid quotes"),
        ("NoSuchSetting yes", "is not usable"),
    ],
)
def test_section_that_does_not_lead_here(patient: Patient, line: str, words: str) -> None:
    patient.write_config(line)
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (78, ["ssh-config"])
    assert words in diagnosis.text("ssh-config")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["User root"], "user is root"),
        (["ConnectTimeout 15"], "ConnectTimeout 15 ends ssh before"),
        (['ProxyCommand sh -c "connector proxy $0" %n'], "by way of sh"),
        (["ControlPath ~/%C", "ControlPersist 10m"], "ControlPersist hides"),
    ],
)
def test_section_that_could_be_better(patient: Patient, lines: list[str], words: str) -> None:
    patient.write_config(*lines, "ProxyCommand connector proxy %n")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("warn")) == (0, ["ssh-config"])
    assert words in diagnosis.text("ssh-config")


@pytest.mark.parametrize("name", ["{}", "{}.codecatalyst", "{}.web.site-1.examplecorp"])
def test_a_friendly_name(patient: Patient, cloud: Cloud, name: str) -> None:
    cloud.environment.alias = "Blue-Whale"
    patient.host = name.format("Blue-Whale")
    patient.write_config("ProxyCommand connector proxy %n", host="*.codecatalyst")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("warn")) == (0, [])
    assert cloud.environment.id in diagnosis.text("environment")
    assert ".codecatalyst leads to this connector" in diagnosis.text("ssh-config")
    assert stopped_once(cloud)


def test_a_friendly_name_that_nothing_has(patient: Patient, cloud: Cloud) -> None:
    cloud.environment.alias = "Blue-Whale"
    patient.host = "blue-whales"
    patient.write_config("ProxyCommand connector proxy %n", host="*.codecatalyst")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (68, ["environment"])
    assert "Did you mean Blue-Whale.codecatalyst" in diagnosis.text("environment")
    assert diagnosis.status("session") == "skip"


@pytest.mark.parametrize(
    "command",
    [
        "exec connector proxy %n",
        "env A=b connector proxy -vv %n",
        f"{sys.executable} -m connector proxy %n",
        f"{Path(sys.executable).parent}/connector proxy --wait 600 %n",
    ],
)
def test_ways_to_call_the_connector(patient: Patient, command: str) -> None:
    patient.write_config(f"ProxyCommand {command}")

    assert patient.examine().by_status("ok") == list(patient.examine().legs)


def test_another_connector(patient: Patient, tmp_path: Path) -> None:
    other = tmp_path / "connector"
    other.write_text("#!/bin/sh\necho connector 0.0.1\n")
    other.chmod(0o755)
    patient.write_config(f"ProxyCommand {other} proxy %n")
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("ssh-config")) == (0, "warn")
    assert "another connector: version 0.0.1" in diagnosis.text("ssh-config")
    other.write_text("#!/bin/sh\necho something else\n")
    assert "which is no connector" in patient.examine().text("ssh-config")


def test_a_name_of_ones_own_is_what_its_proxy_command_says(patient: Patient, cloud: Cloud) -> None:
    space, project, id_ = cloud.host.split("=")[1:]
    patient.write_config(
        f"ProxyCommand connector proxy --space {space} --project {project} --id {id_}",
        host="my-env",
    )
    patient.host = "my-env"

    assert patient.examine().exit_code == 0
    assert stopped_once(cloud)


# The end of it


@pytest.mark.parametrize(
    ("name", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 130)]
)
def test_a_signal_leaves_no_session(
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
    assert stopped_once(cloud, 1)


def test_ctrl_c_while_a_session_is_being_started(
    patient: Patient, commands: Commands, cloud: Cloud
) -> None:
    cloud.misbehaviours.delay(START, 1.0)
    process = commands.start(*patient.command(), environ=patient.environ)
    cloud.wait_for_requests(START)
    process.signal(signal.SIGINT)
    assert process.wait() == 130
    assert stopped_once(cloud, 1)


def test_a_server_that_never_greets(silent: Silent, the_cloud: Cloud) -> None:
    exit_code = silent.process.wait()
    diagnosis = read(silent.process.reader.rest(), exit_code)

    assert (diagnosis.exit_code, diagnosis.by_status("fail")) == (69, ["greeting"])
    assert "does not greet" in diagnosis.text("greeting")
    assert the_cloud.stops(silent.session) == 1


def test_an_api_that_does_not_listen(silent: Silent) -> None:
    text = silent.deaf.reader.rest().decode()

    assert silent.deaf.wait() == 69, text
    assert "127.0.0.1 does not finish the TLS handshake" in text
    assert "skip  identity" in text
