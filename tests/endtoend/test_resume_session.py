"""A session that is rejoined with tokens of ssm:ResumeSession."""

from __future__ import annotations

import random
from typing import Any

import pytest

from connector.emulator.api.errors import ApiError
from connector.emulator.faults.plans import (
    At,
    Cut,
    How,
    random_cuts,
)
from connector.emulator.gateway.gateway import Rejoin
from connector.errors import SessionEnded

from .breaking import DATA, DIGEST, SIZE, TO_AGENT, inject_faults
from .cloud import Cloud
from .resuming import ResumingSource, TunnelThread
from .targets import GREETING
from .waiting import eventually


@pytest.mark.usefixtures("judging")
def test_fresh_token_opens_each_link(cloud: Cloud, ssm: Any) -> None:
    plan = random_cuts(random.Random(5), 3, SIZE, TO_AGENT)
    inject_faults(cloud, *plan.faults, rejoin=Rejoin.FRESH_TOKEN)
    source = ResumingSource(cloud, ssm)
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_in_background(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        eventually(lambda: source.resumed >= 3, "the resumes")  # maybe after the digest
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert source.resumed >= 3
    assert tunnel.notices == []


@pytest.mark.usefixtures("judging")
def test_throttled_resume_is_retried(cloud: Cloud, ssm: Any) -> None:
    inject_faults(
        cloud, Cut(How.RESET, At(bytes=SIZE // 2, direction=TO_AGENT)), rejoin=Rejoin.FRESH_TOKEN
    )
    busy = ApiError("Rate exceeded", "ThrottlingException", 400)
    cloud.misbehaviours.refuse("ResumeSession", busy, times=2)
    source = ResumingSource(cloud, ssm)
    with TunnelThread(source, cloud.ca_file) as tunnel:
        tunnel.reader.until(GREETING)
        tunnel.send_in_background(DATA)
        assert tunnel.reader.until(b"\n") == DIGEST
        eventually(lambda: source.resumed >= 1, "the resumes")  # maybe after the digest
        tunnel.hang_up()
        assert tunnel.wait() == 0
    assert source.resumed == 1


@pytest.mark.usefixtures("echoing")
def test_timed_out_session_ends_with_the_reason(cloud: Cloud, ssm: Any) -> None:
    inject_faults(cloud)
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
