"""Every cause of an end, by the data in flight at that time.

A row is the data, a column a cause, as in test_state_by_cause.py. Exit code 0 needs proof that all
input was delivered and all the agent's output written. The exception is a HUP of the local program:
by it, ssh says that it needs no more output.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import CHANNEL_CLOSED
from connector.transport import lifecycle
from connector.transport.lifecycle import Phase
from connector.transport.tunnel import Observer

from ..hostile.gateway import BINARY, TEXT, frame, output
from .states import DATA_STATES, INPUT, STATUS, UNWRITTEN, End, Subject
from .test_state_by_cause import Ends, asked, broken, closed, killed
from .waiting import eventually

CLOSED = AgentMessage(CHANNEL_CLOSED, b"{}").encode()


def closed_without_reason(subject: Subject) -> None:
    subject.say(frame(BINARY, CLOSED))


def closed_as_ssh_hangs_up(subject: Subject) -> None:
    """ssh hangs up in the moment in which the far end closes."""

    def both() -> None:
        subject.tunnel.connection_messages([CLOSED])
        subject.tunnel.end(0)

    subject.loop.call_soon(both)


CAUSES: dict[str, Callable[[Subject], None]] = {
    "EOF": Subject.end_input,
    "reader gone": Subject.stop_reading,
    "ssh killed": killed,
    "HUP": asked(0),
    "TERM": asked(143),
    "closed": closed_without_reason,
    "closed with a reason": closed,
    "link lost": Subject.lose_link,
    "broken protocol": broken,
    "closed, HUP": closed_as_ssh_hangs_up,
}

#: Causes after which the output is written as long as it has a reader.
FAR_CAUSES = ("closed", "closed with a reason", "link lost", "broken protocol")

CLEAN, TERM, KEPT = Ends(0), Ends(143), Ends(STATUS)
#: A program that SIGPIPE ends fails without a line, because its reader has left.
SILENT = Ends(74)
ENOUGH = Ends(69, "The service closed the session: Enough")
MALFORMED = Ends(76, "The gateway broke the WebSocket protocol")
LINK_LOST = Ends(74, "refused to resume the session")
MISSING = Ends(74, "The session ended before all of its output had arrived")
MISSING_ENOUGH = Ends(74, "before all of its output had arrived: Enough")
NOT_REPEATED = Ends(74, "A part of the output is lost and was not sent again")
NOT_TAKEN = Ends(74, "The last bytes of stdin were not acknowledged")
UNDELIVERED = Ends(74, f"before {len(INPUT)} bytes of input were acknowledged")

#: Data -> its cells, in the order of CAUSES. A string says why there is nothing to run.
TABLE: dict[str, tuple[Ends | str, ...]] = {
    "held": (
        *(NOT_REPEATED, CLEAN, CLEAN, CLEAN, TERM),
        *(MISSING, MISSING_ENOUGH, LINK_LOST, MALFORMED, MISSING),
    ),
    # The status may be right, but the output before it has a gap.
    "held status": (
        *(NOT_REPEATED, CLEAN, CLEAN, CLEAN, TERM),
        *(MISSING, MISSING_ENOUGH, LINK_LOST, MALFORMED, MISSING),
    ),
    "unacked": (
        *(NOT_TAKEN, SILENT, SILENT, CLEAN, TERM),
        *(UNDELIVERED, ENOUGH, LINK_LOST, MALFORMED, CLEAN),
    ),
    "unsent": (
        *("its return is waited for: see below", SILENT, SILENT, CLEAN, TERM),
        *(UNDELIVERED, ENOUGH, LINK_LOST, MALFORMED, CLEAN),
    ),
    # The output is written as long as it has a reader, so no far end can truncate it.
    "unwritten": (
        *("it is waited for: test_input_ends.py", CLEAN, CLEAN, CLEAN, TERM),
        *(CLEAN, ENOUGH, LINK_LOST, MALFORMED, CLEAN),
    ),
    "exited": (KEPT,) * len(CAUSES),
}

Cell = tuple[str, str]
CELLS: dict[Cell, Ends] = {
    (state, cause): cell
    for state, row in TABLE.items()
    for cause, cell in zip(CAUSES, row, strict=True)
    if isinstance(cell, Ends)
}


def play(cell: Cell) -> End:
    state, cause = cell
    with Subject(state) as subject:
        subject.wait_for_state()
        subject.begin(CAUSES[cause])
        if state == "unwritten" and cause in FAR_CAUSES:
            subject.read_rest()
        return subject.end()


@pytest.fixture(scope="module")
def ends() -> dict[Cell, End]:
    with ThreadPoolExecutor(len(CELLS)) as pool:
        return dict(zip(CELLS, pool.map(play, CELLS), strict=True))


def test_table_has_every_kind_of_data() -> None:
    assert tuple(TABLE) == DATA_STATES


@pytest.mark.parametrize("cell", CELLS, ids=" - ".join)
def test_exit_code_0_means_that_no_byte_was_lost(ends: dict[Cell, End], cell: Cell) -> None:
    end, expected = ends[cell], CELLS[cell]
    assert end.exit_code == expected.exit_code, end
    assert len(end.line.splitlines()) == (1 if expected.words else 0), end
    assert expected.words in end.line
    assert end.stopped == 1


@pytest.mark.parametrize("leaves", [asked(0), killed], ids=["HUP", "killed"])
def test_local_program_may_hang_up_after_the_far_end_has_closed(
    monkeypatch: pytest.MonkeyPatch, leaves: Callable[[Subject], None]
) -> None:
    monkeypatch.setattr(lifecycle, "LEAVE_TIMEOUT", 3600.0)
    with Subject("unacked") as subject:
        subject.wait_for_state()
        closed_without_reason(subject)
        eventually(lambda: subject.tunnel._lifecycle.phase == Phase.DRAINING, "the close")
        subject.begin(leaves)
        end = subject.end()
    assert (end.exit_code, end.line) == (0 if leaves is not killed else 74, "")


def test_output_that_stdout_does_not_accept_in_time_is_an_error() -> None:
    """stdin and the session have ended when the far end's output exceeds a pipe's buffer."""
    with Subject("open") as subject:
        subject.wait_for_state()
        subject.begin(Subject.end_input)
        eventually(lambda: subject.tunnel._lifecycle.phase == Phase.DRAINING, "the silence")
        subject.say(*(output(3 + number, bytes(1024)) for number in range(UNWRITTEN)))
        end = subject.end()
    assert end.exit_code == 74
    assert end.line.endswith("bytes of output could not be written")


@pytest.mark.parametrize("state", ["paused", "unsent"])
def test_far_end_that_does_not_return_after_stdin_has_ended_is_lost(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr(lifecycle, "AWAY_TIMEOUT", 0.1)
    with Subject(state) as subject:
        subject.wait_for_state()
        subject.begin(Subject.end_input)
        end = subject.end()
    assert end.exit_code == 74
    assert end.line == "The target's agent left and did not return"


def test_quiet_timeout_starts_when_the_far_end_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "QUIET_TIMEOUT", 0.1)
    with Subject("paused") as subject:
        subject.wait_for_state()
        life = subject.tunnel._lifecycle
        subject.begin(Subject.end_input)
        eventually(lambda: not life.input_open, "the end of stdin")
        time.sleep(0.3)
        assert life.phase == Phase.OPEN
        subject.say(frame(TEXT, b"start_publication"))
        end = subject.end()
    assert (end.exit_code, end.line) == (0, "")


def test_output_is_written_after_a_link_lost_behind_the_exit_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The output has a reader. The time limit of an end is for a far end that still answers."""
    monkeypatch.setattr(lifecycle, "END_TIMEOUT", 0.1)
    with Subject("exited, unwritten") as subject:
        subject.wait_for_state()
        subject.begin(Subject.lose_link)
        eventually(lambda: subject.tunnel._lifecycle.phase == Phase.DRAINING, "the loss")
        time.sleep(0.3)
        rest = subject.read_rest()
        end = subject.end()
    assert (end.exit_code, end.line) == (STATUS, "")
    assert rest == bytes(UNWRITTEN * 1024)


class Patient(Observer):
    may_be_silent = True


@pytest.mark.parametrize("observer", [None, Patient()], ids=["port", "command"])
def test_command_that_ends_without_output_leaves_its_input_unread(
    observer: Observer | None,
) -> None:
    """A program may leave its input unread. For a port it would be an error."""
    with Subject("handshaking", observer) as subject:
        subject.wait_for_state()
        subject.give(INPUT)
        subject.begin(closed_without_reason)
        end = subject.end()
    assert end.exit_code == (0 if observer else 69), end
    assert bool(end.line) == (observer is None)
