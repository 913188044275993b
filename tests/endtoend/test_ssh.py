"""OpenSSH's client and server over the connector and the agent."""

from __future__ import annotations

import hashlib
import random
import threading
from dataclasses import replace

import pytest

from connector.emulator.faults.plans import (
    AgentCut,
    At,
    Direction,
    FaultPlan,
)

from .cloud import Cloud
from .commands import Answer, Ssh
from .matrix import LOGIN

MEGABYTE = bytes(range(256)) * 4096


@pytest.fixture(params=["yes", "no"], ids=["fdpass", "pipes"])
def fdpass(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


def test_command_has_its_words_streams_and_status(ssh: Ssh, cloud: Cloud) -> None:
    answer = ssh.run(
        """printf '%s|' "$GREETING" 'a  b' "c'd" "\u00e9" '$x'; echo err >&2; exit 3""",
        options=["-o", 'SetEnv=GREETING="good  day"'],
    )
    assert answer.stdout.decode() == "good  day|a  b|c'd|\u00e9|$x|"
    assert (answer.returncode, answer.stderr) == (3, b"err\n")
    ssh.commands.wait_connectors_gone()
    assert cloud.stops(cloud.session()) == 1
    assert cloud.session().end_reason is not None


def test_remote_command_killed_by_a_signal_fails_ssh(ssh: Ssh) -> None:
    answer = ssh.run("kill -9 $$")
    assert answer.returncode == 255
    assert answer.stdout == b""


def test_stdin_is_read_to_its_end_before_the_answer(ssh: Ssh) -> None:
    answer = ssh.run("sha256sum", input=MEGABYTE)
    assert answer.returncode == 0
    assert answer.stdout.split()[0].decode() == hashlib.sha256(MEGABYTE).hexdigest()


def test_large_output_is_whole_when_stdin_has_ended_at_once(ssh: Ssh, cloud: Cloud) -> None:
    cloud.unpaced()
    answer = ssh.run("head -c 4194304 /dev/zero", input=b"")  # twice the window of ssh
    assert answer.returncode == 0
    assert answer.stdout == bytes(4 * 1024 * 1024)


def test_reader_that_closes_early_ends_everything(ssh: Ssh, cloud: Cloud) -> None:
    cloud.unpaced()  # ssh first fills its window of 2 MB
    process = ssh.start("yes")
    assert process.reader.exactly(1024).startswith(b"y\n")
    process.stop_reading()
    assert process.wait() == 255
    cloud.wait_all_ended()
    ssh.commands.wait_connectors_gone()


def test_concurrent_sessions_do_not_mix(ssh: Ssh, cloud: Cloud) -> None:
    answers: dict[int, Answer] = {}

    def run(number: int) -> None:
        payload = f"{number} ".encode() * 20_000
        answers[number] = ssh.run("cat", input=payload)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(3):
        assert answers[number].stdout == f"{number} ".encode() * 20_000
    assert len({session.id for session in cloud.sessions}) == 3


def test_message_delivered_twice_ends_ssh_without_corruption(ssh: Ssh, cloud: Cloud) -> None:
    """The real agent delivers a message twice when its own link breaks at the wrong moment.

    No client can notice that. sshd does: the message authentication of the copy fails.
    """
    plan = FaultPlan((AgentCut(At(bytes=LOGIN + 20_000, direction=Direction.TO_AGENT)),))
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)
    cloud.gateway.fault_log.clear()
    there = ssh.commands.directory / "there"
    data = random.Random(3).randbytes(200_000)
    answer = ssh.run(f"cat > {there}", input=data)
    assert answer.returncode == 255
    arrived = there.read_bytes() if there.exists() else b""
    assert data.startswith(arrived)
    assert len(arrived) < len(data)
    assert [done.what.split(" after")[0] for done in cloud.gateway.fault_log] == ["AgentCut"]
