"""A lost session: the gateway stays away, or refuses to let the connector rejoin."""

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

from .breaking import DATA, TO_AGENT, inject_faults, restart_gateway
from .cloud import Cloud
from .commands import Commands
from .resuming import ResumingSource, TunnelThread
from .targets import GREETING


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("rejoin", [Rejoin.FRESH_TOKEN, Rejoin.FORBIDDEN], ids=["1008", "403"])
def test_gateway_that_refuses_the_rejoin_ends_the_session(
    cloud: Cloud, commands: Commands, rejoin: Rejoin
) -> None:
    inject_faults(cloud, Cut(How.RESET, At(bytes=2000, direction=TO_AGENT)), rejoin=rejoin)
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
def test_connector_gives_up_when_the_gateway_stays_away(
    cloud: Cloud, ssm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECONNECT_TIMEOUT", 1.0)
    inject_faults(cloud, Restart(At(bytes=2000, direction=TO_AGENT), 8.0))
    with TunnelThread(ResumingSource(cloud, ssm), cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send(DATA[:20_000])
        with pytest.raises(LinkLost, match="could not be restored within 1 s"):
            tunnel.wait()
    assert cloud.session().end_reason
    restart_gateway(cloud)


@pytest.mark.usefixtures("echoing")
def test_user_can_leave_while_the_gateway_is_away(cloud: Cloud, commands: Commands) -> None:
    inject_faults(cloud, Restart(At(bytes=2000, direction=TO_AGENT), 8.0))
    process = commands.proxy()
    process.reader.until(GREETING)
    process.send(DATA[:20_000])
    commands.wait_for_log("no connection")
    process.popen.terminate()
    assert process.wait(3.5) == 143
    assert cloud.stops(cloud.session()) == 1
    restart_gateway(cloud)
