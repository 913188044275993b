"""The gateway closes each link after its lifetime with 1000 "Bye"; AWS's does so hourly."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.errors import ApiError
from connector.emulator.faults.plans import random_cuts
from connector.emulator.gateway.gateway import Rejoin
from connector.errors import LinkLost
from connector.sessions import SessionAccess

from .breaking import DATA, DIGEST, SIZE, inject_faults
from .cloud import Cloud
from .commands import Commands, Ssh
from .failing import check
from .matrix import DIRECTIONS, LOGIN, transfer
from .resuming import ResumingSource, TunnelThread
from .rolekeys import RoleKeys
from .sshd import Sshd
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
        tunnel.hang_up()
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


@pytest.fixture
def role_keys(cloud: Cloud, tmp_path: Path) -> Iterator[RoleKeys]:
    keys = RoleKeys(cloud, tmp_path / "keys.json")
    yield keys
    keys.remove()


@pytest.fixture
def instance_ssh(commands: Commands, cloud: Cloud, sshd: Sshd, role_keys: RoleKeys) -> Ssh:
    """ssh to the EC2 instance, with temporary keys."""
    role_keys.configure(commands)
    return Ssh(commands, cloud, sshd, host=cloud.instance)


@pytest.mark.parametrize(
    ("rejoin", "told"),
    [(Rejoin.FRESH_TOKEN, True), (Rejoin.FRESH_URL, False)],
    ids=["end told", "end not told"],
)
def test_ssh_to_an_instance_continues_with_renewed_keys(
    instance_ssh: Ssh,
    cloud: Cloud,
    role_keys: RoleKeys,
    monkeypatch: pytest.MonkeyPatch,
    rejoin: Rejoin,
    told: bool,
) -> None:
    """Half of the time, the program that gives the keys tells a later end than the service's."""
    role_keys.give(60, told=told)
    close_links(cloud, rejoin)
    process = instance_ssh.start("cat")
    process.send(DATA)
    assert process.reader.exactly(SIZE) == DATA
    monkeypatch.setattr(cloud.account.sessions, "now", lambda: time.time() + 120)
    role_keys.give(3600, told=told)
    cloud.wait_for_requests("ResumeSession", cloud.count("ResumeSession") + 3)
    spare_links(cloud)
    process.send(DATA)
    process.end_input()
    assert process.reader.rest() == DATA
    assert (process.wait(), process.stderr()) == (0, "")


def test_ssh_continues_with_renewed_keys_where_the_user_may_not_resume(
    instance_ssh: Ssh, cloud: Cloud, role_keys: RoleKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer of the API tells that the keys have ended: the gateway refuses an upgrade."""
    cloud.account.deny("ssm:ResumeSession")
    role_keys.give(60, told=False)
    close_links(cloud, Rejoin.SAME_TOKEN)
    process = instance_ssh.start("cat")
    process.send(DATA)
    assert process.reader.exactly(SIZE) == DATA
    instance_ssh.commands.wait_for_log("the old token has to do")  # the answer, not the request
    monkeypatch.setattr(cloud.account.sessions, "now", lambda: time.time() + 120)
    role_keys.give(3600, told=False)
    instance_ssh.commands.wait_for_log("refused the connection (403)")
    spare_links(cloud)
    process.send(DATA)
    process.end_input()
    assert process.reader.rest() == DATA
    assert (process.wait(), process.stderr()) == (0, "")
    assert cloud.count("ResumeSession") == 1


def test_ssh_continues_after_keys_were_missing_for_a_moment(
    instance_ssh: Ssh,
    cloud: Cloud,
    role_keys: RoleKeys,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A resumption without keys is tried again, for the old token would open no link."""
    script, failing = tmp_path / "program", tmp_path / "failing"
    script.write_text(f'if rm {failing}; then exit 1; fi\ncat "$1"\n')
    config = Path(instance_ssh.commands.environ["HOME"], ".aws/config")
    config.write_text(config.read_text().replace("= cat", f"= sh {script}"))
    role_keys.give(60, told=False)
    close_links(cloud, Rejoin.FRESH_TOKEN)
    process = instance_ssh.start("cat")
    process.send(DATA)
    assert process.reader.exactly(SIZE) == DATA
    failing.touch()
    monkeypatch.setattr(cloud.account.sessions, "now", lambda: time.time() + 120)
    role_keys.give(3600, told=False)
    instance_ssh.commands.wait_for_log("The credential_process of the profile default failed")
    spare_links(cloud)
    process.send(DATA)
    process.end_input()
    assert process.reader.rest() == DATA
    assert (process.wait(), process.stderr()) == (0, "")


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_copy_from_an_instance_is_whole_despite_cuts_and_throttling(
    instance_ssh: Ssh, cloud: Cloud, role_keys: RoleKeys, direction: str
) -> None:
    role_keys.give(3600)
    busy = ApiError("Rate exceeded", "ThrottlingException", 400)
    cloud.misbehaviours.refuse("ResumeSession", busy, times=2)
    plan = random_cuts(random.Random(5), 3, LOGIN + SIZE)
    outcome = transfer(
        *(instance_ssh, cloud, plan, "scp", direction, SIZE), rejoin=Rejoin.FRESH_TOKEN
    )
    assert (outcome.failure, outcome.lost.cuts) == ("", 3)
    assert cloud.count("ResumeSession") == 5
