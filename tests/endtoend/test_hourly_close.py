"""The gateway closes each link after its lifetime with 1000 "Bye"; AWS's does so hourly."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.gateway.gateway import Rejoin
from connector.errors import LinkLost
from connector.sessions import SessionAccess

from .breaking import DATA, DIGEST, inject_faults
from .cloud import Cloud
from .commands import Commands, Ssh
from .failing import check
from .resuming import ResumingSource, TunnelThread
from .targets import GREETING
from .waiting import eventually

#: A link's lifetime in seconds.
LIFETIME = 0.5


def close_links(cloud: Cloud, rejoin: Rejoin) -> None:
    """Give links that are opened from now on a short lifetime."""
    inject_faults(cloud, rejoin=rejoin, agent=REAL)
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, link_lifetime=LIFETIME)


def spare_links(cloud: Cloud) -> None:
    """Give links that are opened from now on an unlimited lifetime."""
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, link_lifetime=None)


def check_upload(cloud: Cloud, source: ResumingSource) -> None:
    """Check that an upload is whole although the first link closes in the middle of it."""
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        spare_links(cloud)
        half = len(DATA) // 2
        tunnel.send_in_background(DATA[:half])
        eventually(lambda: source.resumed == 1, "a call of ResumeSession")
        tunnel.send_in_background(DATA[half:])
        assert tunnel.reader.until(b"\n") == DIGEST
        tunnel.end_input()
        assert tunnel.wait() == 0
    assert source.resumed == 1


class WithoutNewUrl(ResumingSource):
    """A source whose ResumeSession returns a token and an empty URL."""

    def resume(self, access: SessionAccess) -> SessionAccess:
        return super().resume(access)._replace(stream_url="")


class WithOldUrl(ResumingSource):
    """A client that keeps its URL, as older plugins do."""

    def resume(self, access: SessionAccess) -> SessionAccess:
        return super().resume(access)._replace(stream_url=access.stream_url)


@pytest.mark.usefixtures("judging")
def test_closed_link_is_rejoined_with_the_same_token_without_loss(
    commands: Commands, cloud: Cloud
) -> None:
    close_links(cloud, Rejoin.SAME_TOKEN)
    process = commands.proxy()
    process.reader.until(GREETING)
    spare_links(cloud)
    half = len(DATA) // 2
    process.send(DATA[:half])
    commands.wait_for_log("reconnected after")
    process.send(DATA[half:])
    assert process.reader.until(b"\n") == DIGEST
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


@pytest.mark.usefixtures("judging")
def test_successive_closes_lose_no_byte(commands: Commands, cloud: Cloud) -> None:
    close_links(cloud, Rejoin.SAME_TOKEN)
    process = commands.proxy()
    process.reader.until(GREETING)
    third = len(DATA) // 3
    for closes, start in enumerate((0, third), 1):
        process.send(DATA[start : start + third])
        commands.wait_for_log("reconnected after", closes)
    spare_links(cloud)
    process.send(DATA[2 * third :])
    assert process.reader.until(b"\n") == DIGEST
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


@pytest.mark.usefixtures("judging")
def test_refused_rejoin_ends_with_one_line(commands: Commands, cloud: Cloud) -> None:
    close_links(cloud, Rejoin.FORBIDDEN)
    process = commands.proxy()
    process.reader.until(GREETING)
    check(process, 74, "(1000): Bye), and the gateway refused to resume the session")


@pytest.mark.usefixtures("judging")
@pytest.mark.parametrize("rejoin", [Rejoin.FRESH_TOKEN, Rejoin.FRESH_URL])
def test_closed_link_is_rejoined_by_the_url_of_resume_session(
    cloud: Cloud, ssm: Any, rejoin: Rejoin
) -> None:
    close_links(cloud, rejoin)
    check_upload(cloud, ResumingSource(cloud, ssm))


@pytest.mark.usefixtures("judging")
def test_empty_url_of_resume_session_keeps_the_last_url(cloud: Cloud, ssm: Any) -> None:
    close_links(cloud, Rejoin.FRESH_TOKEN)
    check_upload(cloud, WithoutNewUrl(cloud, ssm))


@pytest.mark.usefixtures("judging")
def test_emulated_gateway_refuses_a_stale_url(cloud: Cloud, ssm: Any) -> None:
    close_links(cloud, Rejoin.FRESH_URL)
    with TunnelThread(WithOldUrl(cloud, ssm), cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        with pytest.raises(LinkLost, match="refused to resume the session"):
            tunnel.wait()


def test_ssh_continues_over_closed_links(ssh: Ssh, cloud: Cloud) -> None:
    close_links(cloud, Rejoin.SAME_TOKEN)
    command = f"cat; sleep {3 * LIFETIME}; exit 5"  # longer than two closes
    answer = ssh.run(command, input=DATA)
    assert (answer.returncode, answer.stderr) == (5, b"")
    assert answer.stdout == DATA
    assert ssh.commands.log_file.read_text().count("reconnected after") >= 2


@pytest.mark.parametrize("descriptors", ["no", "yes"])
def test_ssh_or_the_log_shows_why_a_rejoin_was_refused(
    ssh: Ssh, cloud: Cloud, descriptors: str
) -> None:
    """With a socket of its own, ssh has no stderr of the connector after the hand-over."""
    close_links(cloud, Rejoin.FORBIDDEN)
    answer = ssh.run("sleep 60", options=["-o", f"ProxyUseFdpass={descriptors}"])
    assert answer.returncode == 255
    reason = "refused to resume the session"
    log = ssh.commands.log_file
    if descriptors == "yes":
        eventually(lambda: reason in log.read_text(), "the reason in the log")
    else:
        lines = answer.stderr.decode().splitlines()
        assert sum(reason in line for line in lines) == 1
