"""Targets that Systems Manager knows by a prefix, and the admin shell of GameLift Streams."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.api.ssm.world import FORMS, STREAM_GROUP, STREAMS
from connector.emulator.api.world import PlannedTarget
from connector.targets.model import SHELL, SessionRequest

from .commands import CONNECTOR
from .terminals import Terminal
from .waiting import eventually
from .workshop import Workshop

NODE = "sagemaker-cluster:k8s7abc9def0_workers-i-0123456789abcdef0"
NODE_HOST = "sagemaker-cluster.k8s7abc9def0_workers-i-0123456789abcdef0.ssm"
JOB = "sagemaker-training-job:My-Job_algo-1"
STREAM = f"gameliftstreams:{STREAM_GROUP}/game1"
STREAM_ARN = f"arn:aws:gameliftstreams:us-west-2:111122223333:streamsession/{STREAM_GROUP}/game1"


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Workshop]:
    targets = (
        PlannedTarget("workers", "hyperpod"),
        PlannedTarget("My-Job", "training"),
        PlannedTarget("prod", "endpoint"),
        PlannedTarget("0103e0e7-52aa-4a3d-81dd-bfc27226fa54", "build"),
        PlannedTarget("game1", STREAMS),
    )
    with Workshop(tmp_path, "ssm", targets) as plain:
        yield plain


def hosts(plain: Workshop) -> list[str]:
    return [names.host for names in plain.call(lambda: plain.world.targets)][: len(FORMS)]


# Sessions


def test_exec_and_shell_reach_each_target_by_both_names(plain: Workshop) -> None:
    for host in hosts(plain):
        assert plain.says("exec", host, "--", "echo", "a b") == "a b\n"
        other = host.replace(":", ".") + ".us-west-2.ssm"
        assert "a42b" in plain.says("shell", other, input=b"echo a$((40+2))b\n")
    assert len({session.machine_id for session in plain.sessions}) == len(FORMS)
    plain.wait_all_ended()


def test_proxy_needs_no_look_up(plain: Workshop) -> None:
    process = plain.commands.start(*CONNECTOR, "proxy", NODE)
    process.reader.until(b"SSH-2.0-")
    process.hang_up()
    assert process.wait() == 0
    (session,) = plain.sessions
    assert session.origin is not None
    assert (session.origin.target, session.port) == (NODE, 22)
    plain.wait_all_ended()


def test_port_of_ssh_reaches_the_session(plain: Workshop) -> None:
    process = plain.commands.start(*CONNECTOR, "proxy", "--port", "2222", NODE)
    eventually(lambda: bool(plain.sessions), "a session")
    assert plain.sessions[0].port == 2222
    process.hang_up()
    process.wait()


def test_capitals_of_a_name_are_kept(plain: Workshop) -> None:
    name = JOB.replace(":", ".")
    assert plain.says("exec", f"{name}.SSM", "--", "echo", "x") == "x\n"
    line = plain.fails_after_tries(75, f"{name.lower()}.ssm")
    assert line.startswith(f"{JOB.lower()} is not connected")


# GameLift Streams


@pytest.mark.parametrize("name", [STREAM_ARN, f"gameliftstreams.{STREAM_GROUP}_game1.ssm"])
def test_admin_shell_opens_by_each_name(plain: Workshop, name: str) -> None:
    assert "a42b" in plain.says("shell", name, input=b"echo a$((40+2))b\n")
    assert plain.calls("CreateStreamSessionAdminShell") == 1
    assert plain.calls("ssm:StartSession") == 0
    plain.wait_all_ended()


def test_admin_shell_of_a_starting_stream_is_asked_for_again(plain: Workshop) -> None:
    plain.refuse(
        "CreateStreamSessionAdminShell", "StreamSessionAccessNotReadyException", status=409, times=2
    )
    assert "a42b" in plain.says("shell", STREAM, input=b"echo a$((40+2))b\n")
    assert plain.calls("CreateStreamSessionAdminShell") == 3


def test_stream_session_has_a_shell_only(plain: Workshop) -> None:
    for words in (["proxy", STREAM], ["exec", STREAM, "--", "true"]):
        assert f"`connector shell {STREAM}`" in plain.fails(78, *words)
    assert plain.calls("CreateStreamSessionAdminShell") == 0


def test_ended_stream_session_is_not_found(plain: Workshop) -> None:
    plain.call(lambda: plain.world.set_state("game1", "TERMINATED"))
    assert "no stream session" in plain.fails(68, "shell", STREAM)


def test_stream_session_that_never_is_ready_is_told_so(plain: Workshop) -> None:
    plain.call(lambda: plain.world.set_state("game1", "ACTIVATING"))
    assert "is not ready" in plain.fails_after_tries(75, STREAM, SessionRequest(SHELL))


def test_admin_shell_works_at_a_terminal(plain: Workshop) -> None:
    with Terminal(24, 80) as terminal:
        process = plain.at(terminal, "shell", STREAM)
        terminal.type(b"echo a$((40+2))b; exit\n")
        terminal.reader.until(b"a42b")
        assert process.wait() == 0


# Refusals


def test_target_that_is_not_connected_names_the_condition(plain: Workshop) -> None:
    words = {
        "hyperpod": "the end of its ARN",
        "training": "EnableRemoteDebug",
        "endpoint": "EnableSSMAccess",
        "build": "debugSessionEnabled",
    }
    for form in words:
        name = "none".join(FORMS[form][:2])
        line = plain.fails_after_tries(75, name)
        assert line.startswith(f"{name} is not connected in us-west-2. ")
        assert words[form] in line


def test_malformed_name_is_refused(plain: Workshop) -> None:
    names = ("sagemaker-cluster:a b", "sagemaker-cluster:", "gameliftstreams:sg-1", "demo.ssm")
    for name in (*names, "demo.us-west-2.ssm"):
        for command in (("proxy",), ("ssh",), ("sessions", "list")):
            assert plain.fails(78, *command, name) == (
                f"connector: The name '{name}' has none of the forms of such targets. "
                "Write SERVICE.ID.ssm or SERVICE:ID: `connector help ssm` has the form of each"
            )
    assert "none of the forms" in plain.examine("demo.ssm").failure(78, "aws-config")


def test_targets_are_neither_started_nor_stopped_nor_listed(plain: Workshop) -> None:
    assert "cannot stop" in plain.fails(78, "stop", NODE, "--yes")
    assert plain.listed() == []
    gone = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION")
    environ = {name: v for name, v in plain.commands.environ.items() if name not in gone}
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    assert "HOME" in environ  # it has no keys
    said = plain.commands.run(*CONNECTOR, "list", "--kind", "ssm", environ=environ).stderr
    assert b"cannot list other targets of Systems Manager" in said
    assert b"`connector help ssm`" in said
    words = ("list", "--kind", "ssm,ec2", "--region", "us-west-2")
    assert plain.commands.run(*CONNECTOR, *words, environ=environ).returncode == 77
    line = plain.fails(78, "start", NODE_HOST)
    assert line.startswith(f"connector: The connector cannot start target {NODE}, nor tell")


# Doctor, with a set-up that is broken, and help


def test_doctor_finds_a_target_that_is_not_connected(plain: Workshop) -> None:
    plain.call(lambda: plain.world.set_state("workers", "notconnected"))
    assert "is not connected" in plain.examine(NODE).failure(75, "session")  # after 6 s of tries


def test_doctor_finds_a_missing_permission(plain: Workshop) -> None:
    plain.account.deny("ssm:StartSession", "*:document/AWS-StartSSHSession")
    assert "AWS-StartSSHSession" in plain.examine(NODE).failure(77, "session")


def test_doctor_finds_keys_of_another_account(plain: Workshop) -> None:
    plain.commands.environ["AWS_SECRET_ACCESS_KEY"] = "of-another-account"
    said = plain.examine(NODE).failure(77, "identity")
    assert "the secret key in the variables does not fit" in said


def test_help_shows_all_forms(plain: Workshop) -> None:
    told = plain.says("help", "ssm")
    for form in FORMS.values():
        assert re.match(r"[\w-]+:", form[0])
        assert form[0].partition(":")[0] in told
    assert json.dumps("gameliftstreams")[1:-1] in told
