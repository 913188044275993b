"""Running one leg after another: skipped legs, failures and time-outs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from connector.doctor.findings import Finding, Leg, Result, Status, examine
from connector.errors import CredentialsError


def well() -> Result:
    return Result("all is well")


def ill() -> Result:
    raise CredentialsError("there is no token", "Log in")


def run(*legs: Leg, timeout: float = 20.0) -> dict[str, Finding]:
    findings = list(examine(legs, lambda leg: None, timeout))
    assert [finding.leg for finding in findings] == list(legs)
    return {finding.leg.name: finding for finding in findings}


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """An event that is set when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_begun_is_called_before_each_leg_that_runs() -> None:
    seen: list[str] = []

    def look() -> Result:
        seen.append("look")
        return well()

    legs = [Leg("a", "a", ill), Leg("b", "b", look, ("a",)), Leg("c", "c", look)]
    findings = examine(legs, lambda leg: seen.append(f"begin {leg.name}"))
    seen.extend(f"found {finding.leg.name}" for finding in findings)

    assert seen == ["begin a", "found a", "found b", "begin c", "look", "found c"]


def test_patience_of_a_leg_takes_no_time_from_the_others() -> None:
    gone_on = threading.Event()

    def wait() -> Result:
        assert not gone_on.wait(0.1)  # longer than all legs may take
        return well()

    found = run(Leg("a", "a", wait, timeout=0.02, patience=60.0), Leg("b", "b", well), timeout=0.05)
    assert [each.result.status for each in found.values()] == [Status.OK, Status.OK]


def test_error_is_a_failure_with_its_exit_code_and_hint() -> None:
    result = run(Leg("token", "token", ill))["token"].result

    assert (result.status, result.text, result.hint) == (
        Status.FAIL,
        "There is no token",
        "Log in",
    )
    assert result.exit_code == 77


def test_legs_that_need_a_failed_leg_are_skipped() -> None:
    found = run(
        Leg("token", "the token", ill),
        Leg("identity", "identity", well, ("token",)),
        Leg("environment", "environment", well, ("identity",)),
        Leg("network", "network", well),
    )

    for name in ("identity", "environment"):
        assert found[name].result.status is Status.SKIP
        assert found[name].result.text == "the token: failed, see above"
    assert found["network"].result.status is Status.OK


def test_warning_can_block_other_legs() -> None:
    def stopped() -> Result:
        return Result("it is STOPPED", Status.WARN, blocks="run it")

    found = run(Leg("state", "state", stopped), Leg("session", "session", well, ("state",)))

    assert (found["session"].result.status, found["session"].result.text) == (
        Status.SKIP,
        "run it",
    )


def test_leg_that_skips_itself_blocks_no_other() -> None:
    found = run(
        Leg("dns", "DNS", lambda: Result("not needed", Status.SKIP)),
        Leg("tls", "TLS", well, ("dns",)),
    )

    assert found["tls"].result.status is Status.OK


def test_bug_is_an_internal_error_and_the_examination_continues() -> None:
    def bug() -> Result:
        raise ZeroDivisionError("a secret")

    found = run(Leg("a", "a", bug), Leg("b", "b", well))

    assert (found["a"].result.status, found["a"].result.exit_code) == (Status.FAIL, 70)
    assert "ZeroDivisionError" in found["a"].result.text
    assert "secret" not in found["a"].result.text
    assert found["b"].result.status is Status.OK


def test_leg_that_hangs_times_out(stuck: threading.Event) -> None:
    def wait() -> Result:
        stuck.wait()
        return well()

    found = run(Leg("a", "a", wait, timeout=0.05), Leg("b", "b", well))

    assert (found["a"].result.status, found["a"].result.exit_code) == (Status.FAIL, 69)
    assert "no answer" in found["a"].result.text
    assert found["b"].result.status is Status.OK


def test_all_legs_share_a_time_limit(stuck: threading.Event) -> None:
    def wait() -> Result:
        stuck.wait()
        return well()

    found = run(Leg("a", "a", wait, timeout=20), Leg("b", "b", well), timeout=0.05)

    assert found["a"].result.status is Status.FAIL
    assert found["a"].seconds < 10
    late = found["b"].result
    assert (late.status, late.text) == (Status.WARN, "Not tried: the time of 0 s is over")


@pytest.mark.parametrize(
    ("message", "shown"),
    [("it is off", "It is off"), ("codebuild:1 is off", "codebuild:1 is off")],
)
def test_message_begins_with_a_capital_unless_an_id_stands_there(message: str, shown: str) -> None:
    assert Result.failed(CredentialsError(message)).text == shown
    assert str(CredentialsError(message)) == shown
