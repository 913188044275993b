"""A lost link is not a lost session: cut in every phase and in every way, and joined again."""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connector.emulator.behaviour import CLEAN, AgentBehaviour
from connector.emulator.faults import (
    At,
    Cut,
    Fault,
    FaultPlan,
    How,
    Restart,
    random_cuts,
)
from connector.emulator.gateway import Rejoin
from connector.emulator.resume import SsmError
from connector.emulator.wire import Direction
from connector.errors import LinkLost, SessionEnded
from connector.transport import connection

from .cloud import Cloud
from .commands import Commands, Process
from .matrix import FAST
from .resuming import ResumingSource, TunnelThread, make_ssm_client
from .targets import GREETING, Recorder, TcpService, receive_exactly
from .waiting import eventually

SIZE = 300_000
DATA = random.Random(3).randbytes(SIZE)
DIGEST = hashlib.sha256(DATA).hexdigest().encode() + b"\n"
TO_AGENT, TO_CLIENT = Direction.TO_AGENT, Direction.TO_CLIENT

#: Ways to break a link that are told at once.
LOUD = (How.RESET, How.FIN, How.CLOSE)
_names = [how.name.lower() for how in LOUD]


def judge(client: socket.socket) -> None:
    """Greets, tells the digest of what it is sent, and waits for the end."""
    client.sendall(GREETING)
    data = receive_exactly(client, SIZE)
    client.sendall(hashlib.sha256(data).hexdigest().encode() + b"\n")
    receive_exactly(client, 1)


def give(client: socket.socket) -> None:
    """Greets, sends the data, and waits for the end."""
    client.sendall(GREETING + DATA)
    receive_exactly(client, 1)


@pytest.fixture
def judging(cloud: Cloud) -> Iterator[None]:
    with TcpService(judge) as service:
        cloud.port = service.port
        yield


@pytest.fixture
def giving(cloud: Cloud) -> Iterator[None]:
    with TcpService(give) as service:
        cloud.port = service.port
        yield


@pytest.fixture(scope="module")
def ssm(the_cloud: Cloud) -> Any:
    return make_ssm_client(the_cloud)


def trouble(
    cloud: Cloud,
    *faults: Fault,
    rejoin: Rejoin = Rejoin.SAME_TOKEN,
    agent: AgentBehaviour = FAST,
) -> None:
    """What sessions that are opened from now on are in for."""
    cloud.behave(agent)
    cloud.gateway.fault_log.clear()
    behaviour = cloud.gateway.behaviour
    cloud.gateway.behaviour = replace(behaviour, faults=FaultPlan(faults), rejoin=rejoin)


def come_back(cloud: Cloud) -> None:
    """Have the gateway listen again before its time."""
    cloud.run(cloud.gateway.stop())
    cloud.run(cloud.gateway.start())


def ends_well(process: Process) -> None:
    process.end_input()
    assert (process.wait(), process.stderr()) == (0, "")


def cuts(commands: Commands) -> int:
    """How often the connector was connected again."""
    return commands.log_file.read_text().count("connected again")


# The old token does


@pytest.mark.usefixtures("judging")
@pytest.mark.parametrize("how", LOUD, ids=_names)
def test_an_upload_goes_on(cloud: Cloud, commands: Commands, how: How) -> None:
    trouble(cloud, Cut(how, At(bytes=SIZE // 2, direction=TO_AGENT)))
    process = commands.proxy()
    process.send(DATA)
    assert process.reader.until(GREETING)
    assert process.reader.until(b"\n") == DIGEST
    assert cuts(commands) == 1
    ends_well(process)


@pytest.mark.usefixtures("giving")
@pytest.mark.parametrize("how", LOUD, ids=_names)
def test_a_download_goes_on(cloud: Cloud, commands: Commands, how: How) -> None:
    trouble(cloud, Cut(how, At(bytes=SIZE // 2, direction=TO_CLIENT)))
    process = commands.proxy()
    assert process.reader.exactly(len(GREETING) + SIZE) == GREETING + DATA
    assert cuts(commands) == 1
    ends_well(process)


@pytest.mark.usefixtures("echoing")
def test_an_idle_session_goes_on(cloud: Cloud, commands: Commands) -> None:
    trouble(cloud)
    process = commands.proxy()
    process.reader.until(GREETING)
    relay = cloud.gateway.relay(cloud.session().id)
    for _ in range(2):
        old = relay.link
        assert cloud.call(lambda: relay.cut(How.RESET))
        eventually(lambda: relay.link not in (None, old), "another link")  # noqa: B023
        process.send(b"still there?")
        assert process.reader.exactly(12) == b"still there?"
    ends_well(process)


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("how", LOUD, ids=_names)
def test_an_idle_session_goes_on_though_the_next_link_breaks_at_once(
    cloud: Cloud, commands: Commands, how: How
) -> None:
    """A gateway that goes away (1001) has said nothing of our token."""
    trouble(cloud)
    process = commands.proxy()
    process.reader.until(GREETING)
    relay = cloud.gateway.relay(cloud.session().id)
    for _ in range(2):
        old = relay.link
        assert cloud.call(lambda: relay.cut(how))
        eventually(lambda: relay.link not in (None, old), "another link")  # noqa: B023
    process.send(b"still there?")
    assert process.reader.exactly(12) == b"still there?"
    ends_well(process)


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("frame", range(1, 8, 2))
def test_a_cut_in_the_handshake_is_mended(cloud: Cloud, commands: Commands, frame: int) -> None:
    """Cut after each of the first frames, about 200 bytes each, in both directions."""
    trouble(cloud, Cut(How.RESET, At(bytes=200 * frame)))
    process = commands.proxy()
    assert process.reader.until(GREETING)
    process.send(b"hello")
    assert process.reader.exactly(5) == b"hello"
    ends_well(process)


def test_what_stdin_gave_last_arrives_over_a_cut(cloud: Cloud, commands: Commands) -> None:
    with Recorder() as recorder:
        cloud.port = recorder.port
        trouble(cloud, Cut(How.RESET, At(bytes=SIZE // 2, direction=TO_AGENT)))
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA)
        ends_well(process)
        recorder.wait_for(SIZE)
        assert bytes(recorder.received) == DATA


def test_a_cut_while_nobody_reads_us_is_mended(cloud: Cloud, commands: Commands) -> None:
    data = DATA * 10
    with TcpService(lambda client: client.sendall(data)) as service:
        cloud.port = service.port
        trouble(cloud, Cut(How.FIN, At(bytes=SIZE * 2, direction=TO_CLIENT)), agent=CLEAN)
        process = commands.proxy()
        eventually(lambda: cloud.gateway.fault_log, "the cut")
        assert process.reader.exactly(len(data)) == data
        assert process.wait() == 0


@pytest.mark.usefixtures("judging")
def test_20_cuts_lose_nothing(cloud: Cloud, commands: Commands) -> None:
    # What is under way when a close frame is sent still arrives, and is cut no more.
    plan = random_cuts(random.Random(4), 20, SIZE, TO_AGENT, hows=(How.RESET, How.FIN))
    trouble(cloud, *plan.faults)
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    assert len(cloud.gateway.fault_log) >= 15  # the last may find no link any more
    ends_well(process)


@pytest.mark.usefixtures("judging")
def test_a_gateway_that_is_away_for_a_while(cloud: Cloud, commands: Commands) -> None:
    trouble(cloud, Restart(At(bytes=SIZE // 2, direction=TO_AGENT), 1.0))
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    ends_well(process)


@pytest.mark.usefixtures("judging")
def test_silence_is_noticed(cloud: Cloud, commands: Commands) -> None:
    trouble(cloud, Cut(How.SILENCE, At(bytes=SIZE // 2, direction=TO_AGENT)))
    process = commands.proxy("--ping-interval", "1")
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    assert cuts(commands) == 1
    ends_well(process)


# Refused


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("rejoin", [Rejoin.FRESH_TOKEN, Rejoin.FORBIDDEN], ids=["1008", "403"])
def test_a_gateway_that_refuses_us_ends_the_session(
    cloud: Cloud, commands: Commands, rejoin: Rejoin
) -> None:
    trouble(cloud, Cut(How.RESET, At(bytes=2000, direction=TO_AGENT)), rejoin=rejoin)
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA[:20_000])
    assert process.wait() == LinkLost("").exit_code == 74
    assert "does not let us join the session again" in process.stderr()
    assert process.stderr().count("\n") == 1
    session = cloud.session()
    assert cloud.stops(session) == 1
    assert session.end_reason


@pytest.mark.usefixtures("echoing")
def test_a_gateway_that_stays_away_is_given_up(
    cloud: Cloud, ssm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECONNECT_TIMEOUT", 1.0)
    trouble(cloud, Restart(At(bytes=2000, direction=TO_AGENT), 8.0))
    with TunnelThread(ResumingSource(cloud, ssm), cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send(DATA[:20_000])
        with pytest.raises(LinkLost, match="could not be made again within 1 s"):
            tunnel.wait()
    assert cloud.session().end_reason
    come_back(cloud)


@pytest.mark.usefixtures("echoing")
def test_a_user_who_leaves_while_the_gateway_is_away(cloud: Cloud, commands: Commands) -> None:
    trouble(cloud, Restart(At(bytes=2000, direction=TO_AGENT), 8.0))
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA[:20_000])
    commands.wait_for_log("no connection")
    process.popen.terminate()
    assert process.wait(3.5) == 143
    assert cloud.stops(cloud.session()) == 1
    come_back(cloud)


# ssm:ResumeSession


@pytest.mark.usefixtures("judging")
def test_a_fresh_token_opens_each_link(cloud: Cloud, ssm: Any) -> None:
    plan = random_cuts(random.Random(5), 3, SIZE, TO_AGENT)
    trouble(cloud, *plan.faults, rejoin=Rejoin.FRESH_TOKEN)
    source = ResumingSource(cloud, ssm)
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_behind(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        tunnel.end_input()
        assert tunnel.wait() == 0
    assert source.resumed >= 3
    assert tunnel.notices == []


@pytest.mark.usefixtures("judging")
def test_a_service_that_is_busy_is_asked_again(cloud: Cloud, ssm: Any) -> None:
    trouble(
        cloud, Cut(How.RESET, At(bytes=SIZE // 2, direction=TO_AGENT)), rejoin=Rejoin.FRESH_TOKEN
    )
    busy = SsmError("Rate exceeded", code="ThrottlingException")
    cloud.misbehaviours.refuse("ResumeSession", busy, times=2)
    source = ResumingSource(cloud, ssm)
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_behind(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        tunnel.end_input()
        assert tunnel.wait() == 0
    assert source.resumed == 1


@pytest.mark.usefixtures("echoing")
def test_a_session_that_timed_out_ends_with_the_reason(cloud: Cloud, ssm: Any) -> None:
    trouble(cloud)
    source = ResumingSource(cloud, ssm)
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        relay = cloud.gateway.relay(cloud.session().id)

        def time_out() -> None:
            link = relay.link
            assert link is not None
            link.cut(reset=True)
            cloud.end_session(cloud.session())

        cloud.call(time_out)
        with pytest.raises(SessionEnded, match="timed out"):
            tunnel.wait()
    assert source.resumed == 0
