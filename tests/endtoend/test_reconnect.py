"""A lost link is not a lost session: cut in every phase and in every way, and joined again."""

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

from .breaking import DATA, DIGEST, SIZE, TO_AGENT, TO_CLIENT, give, trouble
from .cloud import Cloud
from .commands import Commands, Process
from .targets import GREETING, Recorder, TcpService
from .waiting import eventually

#: Ways to break a link that are told at once.
LOUD = (How.RESET, How.FIN, How.CLOSE)
_names = [how.name.lower() for how in LOUD]


@pytest.fixture
def giving(cloud: Cloud) -> Iterator[None]:
    with TcpService(give) as service:
        cloud.port = service.port
        yield


def ends_well(process: Process) -> None:
    process.end_input()
    assert (process.wait(), process.stderr()) == (0, "")


def cuts(commands: Commands) -> int:
    """How often the connector was connected again."""
    return commands.log_file.read_text().count("connected again")


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
