"""A session survives a lost link: cut in every phase and in every way, and rejoined."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from connector.emulator.agent.behaviour import CLEAN
from connector.emulator.faults.plans import (
    At,
    Cut,
    How,
    Restart,
    random_cuts,
)

from .breaking import DATA, DIGEST, SIZE, TO_AGENT, TO_CLIENT, inject_faults, send_data
from .cloud import Cloud
from .commands import Commands, Process
from .targets import GREETING, Recorder, TcpService
from .waiting import eventually

#: Ways to break a link that the connector notices at once.
LOUD = (How.RESET, How.FIN, How.CLOSE)
_names = [how.name.lower() for how in LOUD]


@pytest.fixture
def giving(cloud: Cloud) -> Iterator[None]:
    with TcpService(send_data) as service:
        cloud.port = service.port
        yield


def ends_well(process: Process) -> None:
    """End a session as ssh does. The end of the input alone ends it after 2 s of silence."""
    process.hang_up()
    assert (process.wait(), process.stderr()) == (0, "")


def cuts(commands: Commands) -> int:
    """Return how often the connector reconnected."""
    return commands.log_file.read_text().count("reconnected after")


@pytest.mark.usefixtures("judging")
@pytest.mark.parametrize("how", LOUD, ids=_names)
def test_upload_continues_after_a_cut(cloud: Cloud, commands: Commands, how: How) -> None:
    inject_faults(cloud, Cut(how, At(bytes=SIZE // 2, direction=TO_AGENT)))
    process = commands.proxy()
    process.send(DATA)
    assert process.reader.until(GREETING)
    assert process.reader.until(b"\n") == DIGEST
    assert cuts(commands) == 1
    ends_well(process)


@pytest.mark.usefixtures("giving")
@pytest.mark.parametrize("how", LOUD, ids=_names)
def test_download_continues_after_a_cut(cloud: Cloud, commands: Commands, how: How) -> None:
    inject_faults(cloud, Cut(how, At(bytes=SIZE // 2, direction=TO_CLIENT)))
    process = commands.proxy()
    assert process.reader.exactly(len(GREETING) + SIZE) == GREETING + DATA
    assert cuts(commands) == 1
    ends_well(process)


@pytest.mark.usefixtures("echoing")
def test_idle_session_continues_after_a_cut(cloud: Cloud, commands: Commands) -> None:
    inject_faults(cloud)
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
def test_idle_session_continues_after_two_cuts_in_a_row(
    cloud: Cloud, commands: Commands, how: How
) -> None:
    """A close with 1001 means that the gateway goes away; it says nothing about the token."""
    inject_faults(cloud)
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
def test_session_continues_after_a_cut_in_the_handshake(
    cloud: Cloud, commands: Commands, frame: int
) -> None:
    """The link is cut after each of the first frames, some 200 bytes each, in both directions."""
    inject_faults(cloud, Cut(How.RESET, At(bytes=200 * frame)))
    process = commands.proxy()
    assert process.reader.until(GREETING)
    process.send(b"hello")
    assert process.reader.exactly(5) == b"hello"
    ends_well(process)


def test_last_input_arrives_despite_a_cut(cloud: Cloud, commands: Commands) -> None:
    with Recorder() as recorder:
        cloud.port = recorder.port
        inject_faults(cloud, Cut(How.RESET, At(bytes=SIZE // 2, direction=TO_AGENT)))
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA)
        process.end_input()
        assert (process.wait(), process.stderr()) == (0, "")
        recorder.wait_for(SIZE)
        assert bytes(recorder.received) == DATA


def test_session_continues_after_a_cut_while_stdout_is_unread(
    cloud: Cloud, commands: Commands
) -> None:
    data = DATA * 10
    with TcpService(lambda client: client.sendall(data)) as service:
        cloud.port = service.port
        inject_faults(cloud, Cut(How.FIN, At(bytes=SIZE * 2, direction=TO_CLIENT)), agent=CLEAN)
        process = commands.proxy()
        eventually(lambda: cloud.gateway.fault_log, "the cut")
        assert process.reader.exactly(len(data)) == data
        assert process.wait() == 0


@pytest.mark.usefixtures("judging")
def test_20_cuts_lose_no_byte(cloud: Cloud, commands: Commands) -> None:
    # Frames in flight arrive despite a close frame and are not cut again.
    plan = random_cuts(random.Random(4), 20, SIZE, TO_AGENT, hows=(How.RESET, How.FIN))
    inject_faults(cloud, *plan.faults)
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    assert len(cloud.gateway.fault_log) >= 15  # the last cut may find no link
    ends_well(process)


@pytest.mark.usefixtures("judging")
def test_session_continues_after_an_outage_of_the_gateway(cloud: Cloud, commands: Commands) -> None:
    inject_faults(cloud, Restart(At(bytes=SIZE // 2, direction=TO_AGENT), 1.0))
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    ends_well(process)


@pytest.mark.usefixtures("judging")
def test_silent_link_is_replaced(cloud: Cloud, commands: Commands) -> None:
    inject_faults(cloud, Cut(How.SILENCE, At(bytes=SIZE // 2, direction=TO_AGENT)))
    process = commands.proxy("--ping-interval", "1")
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.until(b"\n") == DIGEST
    assert cuts(commands) == 1
    ends_well(process)
