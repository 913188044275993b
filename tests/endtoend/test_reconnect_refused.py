"""A lost session: the gateway stays away, or lets nobody in again."""

from __future__ import annotations

from typing import Any

import pytest

from connector.emulator.faults.plans import (
    At,
    Cut,
    How,
    Restart,
)
from connector.emulator.gateway.gateway import Rejoin
from connector.errors import LinkLost
from connector.transport import connection

from .breaking import DATA, TO_AGENT, come_back, trouble
from .cloud import Cloud
from .commands import Commands
from .resuming import ResumingSource, TunnelThread
from .targets import GREETING


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
    assert "refused to resume the session" in process.stderr()
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
        with pytest.raises(LinkLost, match="could not be restored within 1 s"):
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
