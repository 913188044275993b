"""AWS's own CLI opens the emulator's sessions: what it is asked for, the emulator must know."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.harness import ConnectorEmulator

from .awscli import SSO_PROFILE, AwsCli
from .sshd import program
from .targets import GREETING, TcpService, greeting_echo


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorEmulator]:
    with ConnectorEmulator(
        tmp_path_factory.mktemp("emulator"), ("ec2", "ecs", "codecatalyst")
    ) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def aws(emulator: ConnectorEmulator, tmp_path_factory: pytest.TempPathFactory) -> AwsCli:
    return AwsCli(emulator, tmp_path_factory.mktemp("aws"))


@pytest.fixture
def instance(emulator: ConnectorEmulator) -> str:
    return emulator.host


def session_of(aws: AwsCli, instance: str, document: str, **parameters: str) -> str:
    given = json.dumps({name: [value] for name, value in parameters.items()})
    words = ("--target", instance, "--document-name", document, "--parameters", given)
    return aws.says("ssm", "start-session", *words)


def test_ssh_runs_through_the_cli_as_aws_documents_it(
    aws: AwsCli, emulator: ConnectorEmulator, instance: str, tmp_path: Path
) -> None:
    proxy = aws.proxy("ssm", "start-session", "--target", "%h")
    document = "--document-name AWS-StartSSHSession --parameters portNumber=%p"
    options = {
        "ProxyCommand": f"{proxy} {document}",
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": str(tmp_path / "known_hosts"),
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        [program("ssh"), "-F", "none", *words, f"ec2-user@{instance}", "echo $((6 * 7)); cat"],
        env=aws.environ,
        input="from stdin",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "42\nfrom stdin", done.stderr
    (*_, record) = emulator.requests("ssm:StartSession")
    assert record.status == 200


def test_session_without_a_document_is_a_shell(aws: AwsCli, instance: str) -> None:
    said = aws.says("ssm", "start-session", "--target", instance, input="echo $((6 * 7))\nexit\n")
    assert "42" in said


@pytest.mark.parametrize("kind", ["Interactive", "NonInteractive"])
def test_command_is_a_line_for_a_shell(aws: AwsCli, instance: str, kind: str) -> None:
    line = "a='two  words'; echo \"$a\" | tr a-z A-Z"
    assert "TWO  WORDS" in session_of(aws, instance, f"AWS-Start{kind}Command", command=line)


def test_port_is_any_port_of_the_machine(aws: AwsCli, instance: str) -> None:
    with TcpService(greeting_echo) as service:
        said = session_of(aws, instance, "AWS-StartSSHSession", portNumber=str(service.port))
    assert GREETING.decode() in said


def test_ecs_executes_a_command(aws: AwsCli, emulator: ConnectorEmulator) -> None:
    (names,) = emulator.names("ecs")
    where = ("--cluster", names.members["cluster"], "--task", names.members["task"])
    command = ("--interactive", "--command", "echo from the container")
    said = aws.says("ecs", "execute-command", *where, "--container", names.alias, *command)
    assert "from the container" in said
    assert aws.answer("ecs", "describe-tasks", *where[:2], "--tasks", where[3])["tasks"]


def test_instances_and_sessions_are_listed(aws: AwsCli, instance: str) -> None:
    with_tag = aws.answer("ec2", "describe-instances", "--filters", "Name=tag:Name,Values=demo")
    (reservation,) = with_tag["Reservations"]
    assert [each["InstanceId"] for each in reservation["Instances"]] == [instance]
    aws.says("ssm", "start-session", "--target", instance, "--reason", "a look", input="exit\n")
    words = ("--state", "History", "--filters", f"key=Target,value={instance}")
    (newest, *_) = aws.answer("ssm", "describe-sessions", *words)["Sessions"]
    assert (newest["Reason"], newest["Status"]) == ("a look", "Terminated")
    assert newest["Owner"] == aws.answer("sts", "get-caller-identity")["Arn"]


def test_login_of_sso_becomes_a_role(aws: AwsCli, emulator: ConnectorEmulator) -> None:
    role = emulator.add_role("Developer")
    aws.write_sso_profile(role.name, emulator.environment["AWS_BEARER_TOKEN_CODECATALYST"])
    identity = json.loads(aws.run("sts", "get-caller-identity", profile=SSO_PROFILE).stdout)
    assert identity["Arn"] == "arn:aws:sts::111122223333:assumed-role/Developer/mary"


def test_refusals_reach_the_user_of_the_cli(
    aws: AwsCli, emulator: ConnectorEmulator, instance: str
) -> None:
    words = ("ssm", "start-session", "--target", instance)
    done = aws.run(*words, profile="stranger")
    assert done.returncode != 0
    assert "InvalidSignatureException" in done.stderr
    emulator.deny("ssm:StartSession")
    done = aws.run(*words)
    emulator.allow()
    assert "AccessDeniedException" in done.stderr
    assert "is not authorized to perform: ssm:StartSession on resource: arn:aws:ec2:" in done.stderr


def test_cli_finds_stops_and_starts_an_instance(aws: AwsCli, emulator: ConnectorEmulator) -> None:
    instance = emulator.add_target("spare").members["instance"]
    ids = ("--instance-ids", instance)
    filters = ("--filters", "Name=tag:Name,Values=spa*", "Name=instance-state-name,Values=running")
    found = aws.answer("ec2", "describe-instances", *filters)["Reservations"]
    assert [each["Instances"][0]["InstanceId"] for each in found] == [instance]
    (stopped,) = aws.answer("ec2", "stop-instances", *ids)["StoppingInstances"]
    assert stopped["PreviousState"]["Name"] == "running"
    aws.says("ec2", "wait", "instance-stopped", *ids)
    aws.says("ec2", "start-instances", *ids)
    aws.says("ec2", "wait", "instance-running", *ids)
    agents = aws.answer("ssm", "describe-instance-information", "--max-items", "50")
    assert instance in [each["InstanceId"] for each in agents["InstanceInformationList"]]


def test_cli_pushes_a_key(aws: AwsCli, instance: str, tmp_path: Path) -> None:
    key = tmp_path / "key"
    make = [program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(make, check=True, timeout=60)
    words = ("--instance-id", instance, "--instance-os-user", "ec2-user")
    push = ("ec2-instance-connect", "send-ssh-public-key", *words)
    assert aws.answer(*push, "--ssh-public-key", f"file://{key}.pub")["Success"] is True
