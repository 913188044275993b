"""The lifecycle of a session, by table: every phase with every cause, and what an end loses."""

from __future__ import annotations

import itertools

import pytest

from connector.errors import ConnectorError, LinkLost, SessionEnded
from connector.transport import lifecycle as module
from connector.transport.lifecycle import (
    AWAY_TIMEOUT,
    CLOSED_TIMEOUT,
    DRAIN_TIMEOUT,
    END_TIMEOUT,
    LEAVE_TIMEOUT,
    NEXT,
    OPEN_TIMEOUT,
    QUIET_TIMEOUT,
    RULES,
    STALL_TIMEOUT,
    Cause,
    Lifecycle,
    Phase,
    View,
)

FAILURE = SessionEnded("the reason")

#: An agent that is reachable, and has acked everything.
IDLE = View(
    channel_open=True,
    connected=True,
    handshake_begun=True,
    paused=False,
    terminating=False,
    delivered=True,
    in_flight=0,
    unacked=0,
    unwritten=0,
    output_missing=False,
)
UNACKED = IDLE._replace(delivered=False, in_flight=130, unacked=10)
UNREACHABLE = UNACKED._replace(channel_open=False)
OPENING = IDLE._replace(channel_open=False)

#: What is given with a cause: an error, and the exit code of a signal.
ERRORS = {
    Cause.WRITE_FAILED: FAILURE,
    Cause.STALLED: FAILURE,
    Cause.PEER_FAILED: FAILURE,
    Cause.NOT_OPENED: FAILURE,
    Cause.START_FAILED: FAILURE,
}
SIGNAL_CODE = 143

CAUSES = tuple(RULES)

# The letters of TABLE: the phase that the cause leads to, with input left and the agent
# reachable; "D" delivers that input, "d" drains without it.
LETTERS = {
    "D": Phase.DRAINING,
    "d": Phase.DRAINING,
    "C": Phase.CLOSING,
    "E": Phase.ENDED,
}

#: Phase -> one letter a cause, in the order of CAUSES.
TABLE = {
    #                HANG_UP, SIGNAL, CALLER_CLOSED, READER_GONE, WRITE_FAILED, INPUT_ENDED,
    #                STALLED, COMMAND_EXITED, PEER_CLOSED, PEER_FAILED, NOT_OPENED, START_FAILED
    Phase.STARTING: "CCCCCCCCCCEE",
    Phase.CONNECTING: "DDDDdDdddddd",
    Phase.OPENING: "DDDDdDdddddd",
    Phase.OPEN: "DDDDdDdddddd",
    # An end is under way, by a hang-up: the first cause decides.
    Phase.DRAINING: "DDDDDDDDDDDD",
    Phase.CLOSING: "CCCCCCCCCCCE",
    Phase.ENDED: "EEEEEEEEEEEE",
}

CELLS = {
    (phase, cause): letter
    for phase, row in TABLE.items()
    for cause, letter in zip(CAUSES, row, strict=True)
}

#: Cause -> the exit code of an end that it begins, with nothing lost and with input lost.
EXIT_CODES = {
    Cause.HANG_UP: (0, 0),
    Cause.SIGNAL: (SIGNAL_CODE, SIGNAL_CODE),
    Cause.CALLER_CLOSED: (0, LinkLost.exit_code),
    Cause.READER_GONE: (0, LinkLost.exit_code),
    Cause.WRITE_FAILED: (FAILURE.exit_code, FAILURE.exit_code),
    Cause.INPUT_ENDED: (0, LinkLost.exit_code),
    Cause.STALLED: (FAILURE.exit_code, FAILURE.exit_code),
    Cause.COMMAND_EXITED: (0, LinkLost.exit_code),
    Cause.PEER_CLOSED: (0, LinkLost.exit_code),
    Cause.PEER_FAILED: (FAILURE.exit_code, FAILURE.exit_code),
    Cause.NOT_OPENED: (FAILURE.exit_code, FAILURE.exit_code),
    Cause.START_FAILED: (FAILURE.exit_code, FAILURE.exit_code),
}


def in_phase(phase: str) -> Lifecycle:
    """Return a lifecycle that has reached this phase at time 0."""
    life = Lifecycle(0.0)
    if phase == Phase.STARTING:
        return life
    assert life.session_started()
    if phase == Phase.CONNECTING:
        return life
    life.link_made(0.0)
    if phase == Phase.OPENING:
        return life
    life.session_opened(0.0)
    if phase == Phase.OPEN:
        return life
    life.end(Cause.HANG_UP, UNACKED, 0.0)
    if phase != Phase.DRAINING:
        life.advance(UNACKED, DRAIN_TIMEOUT)
        if phase == Phase.ENDED:
            life.session_stopped()
    assert life.phase == phase
    return life


def end(life: Lifecycle, cause: str, view: View = UNACKED, now: float = 1.0) -> None:
    code = SIGNAL_CODE if cause == Cause.SIGNAL else 0
    life.end(cause, view, now, ERRORS.get(cause), code)


def finish(life: Lifecycle, view: View, now: float = 1.0) -> float:
    """Advance until the end, with a session that is stopped at once; return the time."""
    for _ in range(20):
        life.advance(view, now)
        if life.phase == Phase.CLOSING:
            life.session_stopped()
        if life.phase == Phase.ENDED:
            return now
        assert life.timer is not None, life.phase
        now = max(now, life.timer)
    raise AssertionError("the session does not end")


def test_table_has_every_phase_and_cause() -> None:
    assert set(TABLE) == set(NEXT)
    assert (
        set(EXIT_CODES)
        == set(CAUSES)
        == {word for name, word in vars(Cause).items() if name.isupper()}
    )


def test_cause_leads_to_next_phase() -> None:
    found = {}
    for phase, cause in CELLS:
        life = in_phase(phase)
        end(life, cause)
        found[phase, cause] = life.phase, life.delivers(UNACKED), life.delivers(UNREACHABLE)
    assert found == {
        cell: (LETTERS[letter], letter == "D", False) for cell, letter in CELLS.items()
    }


def drained(phase: str, cause: str) -> tuple[str, bool]:
    """Return the phase that follows draining, and whether the session ends in time."""
    life = in_phase(phase)
    end(life, cause)
    now = 1.0
    while life.phase == Phase.DRAINING:
        life.advance(UNACKED, now)
        now = life.timer or now
    return life.phase, now <= 1.0 + DRAIN_TIMEOUT + END_TIMEOUT


def test_end_closes_before_it_is_over() -> None:
    """Whatever ends a session that was started, it is stopped at the service."""
    cells = itertools.product([Phase.CONNECTING, Phase.OPENING, Phase.OPEN], CAUSES)
    found = {cell: drained(*cell) for cell in cells}
    assert found == dict.fromkeys(found, (Phase.CLOSING, True))
    assert len(found) == 3 * len(CAUSES)


def exit_code_of(cause: str, view: View) -> int:
    life = in_phase(Phase.OPEN)
    end(life, cause, view)
    finish(life, view)
    life.judge(view)
    return life.exit_code


def test_exit_code_follows_from_cause_and_loss() -> None:
    found = {cause: (exit_code_of(cause, IDLE), exit_code_of(cause, UNACKED)) for cause in CAUSES}
    assert found == EXIT_CODES


@pytest.mark.parametrize("cause", CAUSES)
def test_exit_status_of_command_outranks_all_but_failed_write(cause: str) -> None:
    life = in_phase(Phase.OPEN)
    life.command_exited(5, 0.5)
    end(life, cause)
    assert life.delivers(UNACKED) is False
    finish(life, UNACKED)
    assert life.judge(UNACKED) is False
    assert life.exit_code == (FAILURE.exit_code if cause == Cause.WRITE_FAILED else 5)


@pytest.mark.parametrize("cause", CAUSES)
def test_first_cause_decides(cause: str) -> None:
    life = in_phase(Phase.OPEN)
    end(life, Cause.PEER_CLOSED, IDLE)
    end(life, cause, IDLE)
    finish(life, IDLE)
    life.judge(IDLE)
    assert (life.error, life.exit_code) == (None, 0)


@pytest.mark.parametrize("phase", list(TABLE))
def test_bug_is_kept_in_every_phase(phase: str) -> None:
    life, bug = in_phase(phase), ZeroDivisionError()
    life.end(Cause.PEER_FAILED, IDLE, 1.0, bug)
    assert life.bug is bug
    assert life.error is None


# What an end loses.

MISSING = UNACKED._replace(output_missing=True)
UNWRITTEN = IDLE._replace(unwritten=1024)

#: Causes, what is lost, whether the session runs a program -> words of the error, whether told.
LOSSES = [
    ((Cause.PEER_CLOSED,), IDLE, False, None),
    ((Cause.PEER_CLOSED,), UNACKED, False, ("before 10 bytes of input were acknowledged", True)),
    ((Cause.READER_GONE,), UNACKED, False, ("before 10 bytes of input were acknowledged", False)),
    ((Cause.PEER_CLOSED,), UNACKED, True, None),
    ((Cause.READER_GONE,), UNACKED, True, None),
    ((Cause.PEER_CLOSED,), UNWRITTEN, False, ("last 1,024 bytes of output could not", True)),
    ((Cause.PEER_CLOSED,), UNWRITTEN, True, ("last 1,024 bytes of output could not", True)),
    ((Cause.READER_GONE,), UNWRITTEN, False, None),
    ((Cause.CALLER_CLOSED,), MISSING, False, ("before all of its output had arrived", True)),
    ((Cause.CALLER_CLOSED,), MISSING, True, ("before all of its output had arrived", True)),
    ((Cause.READER_GONE,), MISSING, False, ("before 10 bytes of input were acknowledged", False)),
    ((Cause.HANG_UP,), MISSING, False, None),
    # Causes race, and any of them may excuse a loss.
    ((Cause.PEER_CLOSED, Cause.HANG_UP), MISSING, False, None),
    ((Cause.PEER_CLOSED, Cause.READER_GONE), MISSING, False, ("10 bytes of input", False)),
    ((Cause.READER_GONE, Cause.HANG_UP), UNACKED, False, None),
    ((Cause.PEER_CLOSED, Cause.SIGNAL), UNACKED, False, ("10 bytes of input", True)),
]


@pytest.mark.parametrize(("causes", "view", "program", "verdict"), LOSSES)
def test_end_is_judged_by_its_losses(
    causes: tuple[str, ...], view: View, program: bool, verdict: tuple[str, bool] | None
) -> None:
    life = in_phase(Phase.OPEN)
    life.runs_program = program
    for cause in causes:
        end(life, cause, view)
    told = life.judge(view)
    if verdict is None:
        assert (life.error, told, life.exit_code) == (None, False, 0)
    else:
        assert isinstance(life.error, LinkLost)
        assert verdict[0] in str(life.error)
        assert told == verdict[1]


# Time.

#: Phase, view -> words of the error when the session does not open in time.
NOT_OPENED = [
    (Phase.STARTING, IDLE, "API cannot be reached"),
    (Phase.CONNECTING, UNREACHABLE._replace(connected=False), "gateway does not answer"),
    (Phase.OPENING, OPENING._replace(handshake_begun=False), "agent does not answer"),
    (Phase.OPENING, OPENING, "agent does not complete the handshake"),
    (Phase.OPENING, OPENING._replace(connected=False), "gateway does not answer"),
]


@pytest.mark.parametrize(("phase", "view", "words"), NOT_OPENED)
def test_session_that_does_not_open_fails_with_its_reason(
    phase: str, view: View, words: str
) -> None:
    life = in_phase(phase)
    life.advance(view, 0.0)
    assert life.timer == life.open_by <= OPEN_TIMEOUT
    life.advance(view, life.open_by)
    assert isinstance(life.error, ConnectorError)
    assert words in str(life.error)
    assert life.phase == (Phase.ENDED if phase == Phase.STARTING else Phase.DRAINING)


def test_wait_for_target_extends_the_time_to_open() -> None:
    life = Lifecycle(0.0)
    life.start_waits(True, 5.0, 10.0)
    assert life.open_by == 15.0 + module.PROGRESS_TIMEOUT
    life.start_waits(False, 0.0, 30.0)
    assert life.open_by == 30.0 + OPEN_TIMEOUT


@pytest.mark.parametrize("cause", CAUSES)
def test_unwritten_output_is_waited_for_unless_local_program_ends_it(cause: str) -> None:
    view = UNREACHABLE._replace(unwritten=100)
    life = in_phase(Phase.OPEN)
    end(life, cause, view)
    life.advance(view, 1.0)
    assert life.timer == (1.0 + DRAIN_TIMEOUT if RULES[cause].limited else None)
    life.advance(view, 3600.0)
    assert life.ending
    assert (life.phase == Phase.DRAINING) == (not RULES[cause].limited)


def test_input_without_ack_is_given_up_after_its_time() -> None:
    life = in_phase(Phase.OPEN)
    end(life, Cause.HANG_UP)
    life.advance(UNACKED, 1.0)
    assert (life.phase, life.timer) == (Phase.DRAINING, 1.0 + DRAIN_TIMEOUT)
    life.advance(UNACKED, 1.0 + DRAIN_TIMEOUT)
    assert (life.phase, life.timer) == (Phase.CLOSING, 1.0 + END_TIMEOUT)
    assert life.stop_timeout(2.0) == pytest.approx(END_TIMEOUT - 1.0 - 0.1)
    life.advance(UNACKED, 1.0 + END_TIMEOUT)
    assert life.phase == Phase.ENDED


def test_channel_closed_is_waited_for_briefly_after_the_flag() -> None:
    life = in_phase(Phase.OPEN)
    end(life, Cause.HANG_UP, IDLE)
    told = IDLE._replace(terminating=True)
    life.advance(told, 1.1)
    life.advance(told, 1.2)  # a second look does not extend the time
    assert life.timer == pytest.approx(1.1 + CLOSED_TIMEOUT)
    life.advance(told._replace(channel_open=False), 1.3)
    assert life.phase == Phase.CLOSING


def test_absent_agent_is_not_told_of_the_end() -> None:
    life = in_phase(Phase.OPEN)
    end(life, Cause.HANG_UP, IDLE)
    life.advance(IDLE._replace(paused=True), 1.0)
    assert life.phase == Phase.CLOSING


@pytest.mark.parametrize("cause", [Cause.HANG_UP, Cause.READER_GONE, Cause.SIGNAL])
def test_local_program_may_hang_up_after_peer_closes(cause: str) -> None:
    life = in_phase(Phase.OPEN)
    end(life, Cause.PEER_CLOSED, UNREACHABLE)
    life.advance(UNREACHABLE, 1.0)
    assert (life.phase, life.timer) == (Phase.DRAINING, 1.0 + LEAVE_TIMEOUT)
    end(life, cause, UNREACHABLE, 1.1)
    life.advance(UNREACHABLE, 1.1)
    assert life.phase == Phase.CLOSING


def test_session_of_a_program_does_not_wait_for_a_hang_up() -> None:
    life = in_phase(Phase.OPEN)
    life.runs_program = True
    end(life, Cause.PEER_CLOSED, UNREACHABLE)
    life.advance(UNREACHABLE, 1.0)
    assert life.phase == Phase.CLOSING


#: What is under way when stdin ends -> how long it may be without progress, and what follows.
AFTER_INPUT = [
    (IDLE, QUIET_TIMEOUT, None),
    (UNACKED, STALL_TIMEOUT, "last bytes of stdin were not acknowledged"),
    (IDLE._replace(output_missing=True), STALL_TIMEOUT, "part of the output is lost"),
    (IDLE._replace(paused=True), AWAY_TIMEOUT, "left and did not return"),
]


@pytest.mark.parametrize(("view", "limit", "words"), AFTER_INPUT)
def test_session_ends_after_stdin_once_nothing_moves(
    view: View, limit: float, words: str | None
) -> None:
    life = in_phase(Phase.OPEN)
    assert not life.follows_data
    life.input_ended(1.0)
    assert life.follows_data
    life.advance(view, 2.0)  # a change of what is in flight, or of the agent, is progress
    life.progressed(3.0)
    life.advance(view, 4.0)
    assert life.timer == 3.0 + limit
    life.advance(view, 3.0 + limit)
    assert life.phase == Phase.DRAINING
    assert words is None if life.error is None else str(words) in str(life.error)


@pytest.mark.parametrize(
    "view", [IDLE._replace(unwritten=1), IDLE._replace(connected=False)], ids=["output", "link"]
)
def test_session_lives_while_output_is_unwritten_or_the_link_is_restored(view: View) -> None:
    life = in_phase(Phase.OPEN)
    life.input_ended(1.0)
    life.advance(view, 1.0)
    life.advance(view, 3600.0)
    assert (life.phase, life.timer) == (Phase.OPEN, None)


def test_exited_command_needs_neither_acks_nor_an_agent() -> None:
    life = in_phase(Phase.OPEN)
    life.command_exited(256 + 5, 1.0)
    assert not life.input_open
    away = UNACKED._replace(paused=True)
    life.advance(away, 1.0)
    assert life.timer == 1.0 + QUIET_TIMEOUT
    life.advance(away, 1.0 + QUIET_TIMEOUT)
    assert (life.phase, life.exit_code) == (Phase.DRAINING, 5)


def test_session_that_starts_after_its_end_is_not_wanted() -> None:
    life = in_phase(Phase.STARTING)
    end(life, Cause.HANG_UP)
    assert life.session_started() is False
    assert life.phase == Phase.CLOSING
