"""``connector doctor --report`` contains no value of the user or the service.

The tests plant unique values wherever the doctor reads one. No report may contain any of them,
however the doctor ends.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import AccessDeniedException, InternalFailure

from .cloud import START, Cloud
from .commands import Commands
from .doctor import LOCAL_USER, PASSWORD, PROFILE, START_URL, Patient, read
from .sshd import Sshd
from .targets import TcpService
from .waiting import free_port

#: A message of the service, with all that it may contain.
SAID = (
    "zq-said: arn:aws:iam::998877665544:role/zq-role, user zq-someone@zq-mail.example, "
    "host ip-10-98-76-54.ec2.internal (10.98.76.54), id 0a0b0c0d-1111-2222-3333-444455556666"
)

#: The words of SAID that no report may contain. The others are common words.
NAMED = re.findall(r"zq-[a-z]+|998877665544|10[.-]98[.-]76[.-]54|0a0b0c0d", SAID)


class Planted:
    """A user's set-up in which every value is unique."""

    def __init__(
        self, patient: Patient, cloud: Cloud, commands: Commands, short_path: Path
    ) -> None:
        self.patient = patient
        self._sockets = short_path / "zq-sockets"
        self._sockets.mkdir()
        self.cloud = cloud
        self._commands = commands
        home = Path(patient.environ["HOME"])
        cloud.environment.alias = "zq-alias"
        patient.log_in(3600)
        certificates = home / "zq-certificates.pem"
        shutil.copy(cloud.ca_file, certificates)
        patient.config = home / "zq-directory" / "zq-ssh-config"
        patient.config.parent.mkdir()
        patient.environ.update(
            AWS_CA_BUNDLE=str(certificates),
            AWS_ENDPOINT_URL_CODECATALYST=cloud.server.url.replace("127.0.0.1", "localhost"),
            PYTHONPATH=str(home / "zq-modules"),
            NO_PROXY="localhost,127.0.0.1,zq-no-proxy.example",
            HTTPS_PROXY="http://zq-login:zq-secret@zq-proxy.example:3128",
        )
        self.write_config()

    def write_config(self, *lines: str) -> None:
        self.patient.write_config(
            *lines,
            "User zq-user",
            f"ProxyCommand env ZQ_VARIABLE=zq-value connector proxy --profile {PROFILE} %n",
            f"ControlPath {self._sockets}/zq",
            "ControlPersist yes",
            "RemoteCommand none",
        )

    def report(self, *options: str) -> str:
        """Return the report as text and facts, after checking it."""
        answer = self._commands.run(
            *self.patient.command("--report", *options), environ=self.patient.environ
        )
        assert answer.stderr == b""
        text = answer.stdout.decode()
        cloud, environment = self.cloud, self.cloud.environment
        values = [environment.space_name, environment.project_name, environment.id, "zq-", "ZQ_"]
        values += ["mary", environment.creator_id, PASSWORD, LOCAL_USER, PROFILE, START_URL]
        values += [str(self._commands.directory), self._commands.directory.name, "10.98.76.54"]
        values += [self.patient.host, self.patient.token, *cloud.secrets(), *NAMED]
        values += [session.id for session in cloud.sessions]
        for value in filter(None, values):
            assert value.lower() not in text.lower(), f"{value} is in {text}"
        return text


@pytest.fixture
def planted(patient: Patient, cloud: Cloud, commands: Commands, short_path: Path) -> Planted:
    return Planted(patient, cloud, commands, short_path)


def test_report_of_healthy_setup_is_readable(planted: Planted) -> None:
    text = planted.report()

    assert "AWS_CA_BUNDLE" in text
    assert "PYTHONPATH can break the ProxyCommand" in text
    assert "user is <user-1>, but the target expects mde-user" in text
    assert "<target-1> is RUNNING" in text
    assert "Connected to localhost:" in text
    assert "`ssh <host-1> true` runs" in text
    assert re.search(r"Nothing failed; warnings: .*ssh config", text)


def test_json_report_has_the_same_members(planted: Planted) -> None:
    diagnosis = read(planted.report("--json").encode(), 0)

    assert diagnosis.legs["environment"]["facts"] == {"status": "RUNNING", "statusReason": ""}
    assert diagnosis.legs["api-proxy"]["facts"]["host"] == "localhost"
    assert diagnosis.legs["identity"]["facts"]["userName"].startswith("<user")
    assert diagnosis.legs["aws-config"]["facts"]["profile"] == "<profile-1>"
    assert f"profile {'<profile-1>'} exists" in diagnosis.text("aws-config")


def refuse(operation: str) -> Callable[[Planted], None]:
    def prepare(planted: Planted) -> None:
        planted.cloud.misbehaviours.refuse(operation, InternalFailure(SAID), times=100)

    return prepare


def deny_session(planted: Planted) -> None:
    planted.cloud.misbehaviours.refuse(START, AccessDeniedException(SAID), times=100)


def fail_to_start(planted: Planted) -> None:
    planted.cloud.set_status(Status.FAILED, SAID)


def stop(planted: Planted) -> None:
    planted.cloud.set_status(Status.STOPPED, SAID)


def name_none(planted: Planted) -> None:
    planted.patient.host = "zq-other-alias"
    planted.patient.write_config(f"ProxyCommand connector proxy --profile {PROFILE} %n", host="*")


def log_out(planted: Planted) -> None:
    shutil.rmtree(Path(planted.patient.environ["HOME"], ".aws/sso"))


def name_no_profile(planted: Planted) -> None:
    planted.patient.environ["AWS_BEARER_TOKEN_CODECATALYST"] = planted.patient.token
    planted.write_config("ProxyCommand connector proxy --profile zq-profile %n")


def name_no_certificates(planted: Planted) -> None:
    planted.patient.environ["AWS_CA_BUNDLE"] = "/zq-none/zq.pem"


def lead_to_a_path(planted: Planted) -> None:
    planted.patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] += "/zq-path/zq-more"


def lead_nowhere(planted: Planted) -> None:
    planted.patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] = "https://zq-api.invalid/zq-path"


def need_the_proxy(planted: Planted) -> None:
    planted.patient.environ.update(
        NO_PROXY="", HTTPS_PROXY=f"http://zq-login:zq-secret@127.0.0.1:{free_port()}"
    )


def need_an_unknown_proxy(planted: Planted) -> None:
    planted.patient.environ.update(
        NO_PROXY="", HTTPS_PROXY="http://zq-login:zq-secret@zq-proxy.invalid:3128"
    )


def lead_to_a_gateway(planted: Planted) -> None:
    planted.cloud.stream_base = "wss://zq-gateway.invalid"


def refuse_the_upgrade(planted: Planted) -> None:
    planted.cloud.gateway.refuse_upgrades(403, {"X-Amzn-Errortype": "zq-type"})


def run_another_command(planted: Planted) -> None:
    planted.write_config("ProxyCommand zq-program --zq-option zq-argument")


def misspell(planted: Planted) -> None:
    planted.write_config("ZqSetting zq-setting")


def give_an_unknown_option(planted: Planted) -> None:
    planted.write_config("ProxyCommand connector proxy --zq-option zq-argument %n")


def have_no_shell(planted: Planted) -> None:
    planted.patient.environ["SHELL"] = "/zq-directory/zq-shell"


def have_no_directory(planted: Planted) -> None:
    planted.write_config("ControlPath /zq-directory/zq-socket", "ControlMaster auto")


def have_no_config(planted: Planted) -> None:
    planted.patient.config.unlink()


def have_another_key(planted: Planted) -> None:
    planted.write_config("StrictHostKeyChecking yes")


def lose_the_token(planted: Planted) -> None:
    planted.write_config(f"ProxyCommand env HOME=/zq-none connector proxy --profile {PROFILE} %n")


@pytest.mark.parametrize(
    ("prepare", "failed"),
    [
        (refuse("VerifySession"), "identity"),
        (refuse("GetUserDetails"), "identity"),
        (refuse("GetDevEnvironment"), "environment"),
        (refuse("StopDevEnvironmentSession"), ""),
        (deny_session, "session"),
        (fail_to_start, "environment"),
        (stop, ""),
        (name_none, "environment"),
        (log_out, "token"),
        (name_no_profile, ""),
        (name_no_certificates, "ca"),
        (lead_to_a_path, "identity"),
        (lead_nowhere, "api-dns"),
        (need_the_proxy, "api-proxy"),
        (need_an_unknown_proxy, "api-dns"),
        (lead_to_a_gateway, "gateway-dns"),
        (refuse_the_upgrade, "greeting"),
        (run_another_command, "ssh-config"),
        (misspell, "ssh-config"),
        (give_an_unknown_option, "ssh-config"),
        (have_no_shell, "ssh-config"),
        (have_no_directory, "ssh-config"),
        (have_no_config, "ssh-config"),
        (have_another_key, "ssh-login"),
        (lose_the_token, "ssh-login"),
    ],
)
def test_report_of_a_failure_contains_no_value(
    planted: Planted, prepare: Callable[[Planted], None], failed: str
) -> None:
    prepare(planted)
    document = json.loads(planted.report("--json"))

    found = [leg["name"] for leg in document["legs"] if leg["status"] == "fail"]
    assert found[:1] == ([failed] if failed else []), document


def test_report_contains_no_words_of_the_ssh_server(planted: Planted, the_sshd: Sshd) -> None:
    planted.cloud.port = the_sshd.port  # the server denies the login
    assert "rejects the login of <user-1> (it accepts publickey)" in planted.report()

    def greet(connection: object) -> None:
        connection.sendall(b"SSH-2.0-zq-server zq-comment\r\n")  # type: ignore[attr-defined]

    with TcpService(greet) as service:
        planted.cloud.port = service.port
        assert "<greeting-1> (dial" in planted.report()
