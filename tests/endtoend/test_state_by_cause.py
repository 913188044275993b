"""Every cause of an end in every state of a session's life, in one table.

A row is a state, a column a cause. A cell with a string says why there is nothing to test, or which
test covers it. All other cells run here, in one process and at once. The behaviour of processes
(signals, exit codes, stderr, orphans) is in test_ends.py, test_repeated_signals.py,
test_input_ends.py and test_service_ends.py.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import CHANNEL_CLOSED
from connector.datachannel.payloads import ClientAction

from ..hostile.gateway import BINARY, CLOSE, frame, request
from .commands import END
from .states import End, Subject


@dataclass
class Ends:
    """The expected end.

    :param words: parts of the line on stderr; empty: no line.
    """

    exit_code: int
    words: str = ""
    stopped: int = 1


def asked(*exit_codes: int) -> Callable[[Subject], None]:
    """Return a cause: one signal or several."""

    def ask(subject: Subject) -> None:
        for exit_code in exit_codes:
            subject.loop.call_soon(subject.tunnel.end, exit_code)

    return ask


def killed(subject: Subject) -> None:
    subject.end_input()
    subject.stop_reading()


def closed(subject: Subject) -> None:
    document = b'{"Output":"Enough"}'
    subject.say(frame(BINARY, AgentMessage(CHANNEL_CLOSED, document).encode()))


def refused(subject: Subject) -> None:
    subject.say(request(ClientAction("KMSEncryption", {"KMSKeyId": "key"})))


def broken(subject: Subject) -> None:
    subject.say(frame(CLOSE, b"x"))


def crashed(subject: Subject) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    subject.loop.call_soon(bug)


CAUSES: dict[str, Callable[[Subject], None]] = {
    "EOF": Subject.end_input,
    "reader gone": Subject.stop_reading,
    "ssh killed": killed,
    "HUP": asked(0),
    "TERM": asked(143),
    "INT twice": asked(130, 130),
    "channel_closed": closed,
    "KMS refusal": refused,
    "broken protocol": broken,
    "crash of ours": crashed,
}

GOES_ON = "an end of input alone is waited out: test_input_ends.py"
AWAY = "its return is waited for: test_state_by_data.py"
NO_LINK = "there is no link that it could come by"
HANDSHAKE_OVER = "the handshake is over: tests/hostile/test_messages.py"
NO_REST = "the far end is not heard any more"

CLEAN, TERM, INT, BUG = Ends(0), Ends(143), Ends(130), Ends(70, "a bug")
ENOUGH = Ends(69, "The service closed the session: Enough")
MALFORMED = Ends(76, "The gateway broke the WebSocket protocol")
KMS = Ends(76, "must be encrypted with a KMS key")

#: State -> its cells, in the order of CAUSES.
TABLE: dict[str, tuple[Ends | str, ...]] = {
    "starting": (GOES_ON, CLEAN, CLEAN, CLEAN, TERM, INT, NO_LINK, NO_LINK, NO_LINK, BUG),
    # A Dev Environment starts: no session exists that could be awaited or stopped.
    "waiting": (
        *(GOES_ON, Ends(0, stopped=0), Ends(0, stopped=0), Ends(0, stopped=0)),
        *(Ends(143, stopped=0), Ends(130, stopped=0)),
        *(NO_LINK, NO_LINK, NO_LINK, Ends(70, "a bug", stopped=0)),
    ),
    "dialling": (GOES_ON, CLEAN, CLEAN, CLEAN, TERM, INT, NO_LINK, NO_LINK, NO_LINK, BUG),
    "upgrading": (GOES_ON, CLEAN, CLEAN, CLEAN, TERM, INT, NO_LINK, NO_LINK, NO_LINK, BUG),
    "handshaking": (GOES_ON, CLEAN, CLEAN, CLEAN, TERM, INT, ENOUGH, KMS, MALFORMED, BUG),
    "open": (CLEAN, CLEAN, CLEAN, CLEAN, TERM, INT, ENOUGH, HANDSHAKE_OVER, MALFORMED, BUG),
    "paused": (AWAY, CLEAN, CLEAN, CLEAN, TERM, INT, ENOUGH, HANDSHAKE_OVER, MALFORMED, BUG),
    "reconnecting": (GOES_ON, CLEAN, CLEAN, CLEAN, TERM, INT, NO_LINK, NO_LINK, NO_LINK, BUG),
    # The first cause, a HUP, decides the exit code.
    "closing": (
        *(CLEAN, CLEAN, CLEAN, CLEAN, CLEAN, CLEAN),
        *(NO_REST, NO_REST, NO_REST, Ends(70, "a bug", stopped=2)),
    ),
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
        return subject.end()


@pytest.fixture(scope="module")
def ends() -> dict[Cell, End]:
    with ThreadPoolExecutor(len(CELLS)) as pool:
        return dict(zip(CELLS, pool.map(play, CELLS), strict=True))


@pytest.mark.parametrize("cell", CELLS, ids=" - ".join)
def test_cause_ends_the_tunnel_in(ends: dict[Cell, End], cell: Cell) -> None:
    end, expected = ends[cell], CELLS[cell]
    assert end.exit_code == expected.exit_code, end
    assert len(end.line.splitlines()) == (1 if expected.words else 0)
    assert expected.words in end.line
    assert end.stopped == expected.stopped
    assert end.seconds < END
