"""Every transition of the tables, and a real channel in every phase under every event."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from connector.datachannel.events import ChannelFailed
from connector.datachannel.messages import AGENT_SESSION_STATE, PayloadType
from connector.datachannel.phases import (
    AGENT_EVENTS,
    INPUT,
    LINK,
    SESSION,
    InputPhase,
    LinkPhase,
    SessionPhase,
    State,
    Table,
    Trigger,
    after,
    as_markdown,
    state_of,
)
from connector.errors import LocalProtocolError, RemoteProtocolError

from .helpers import (
    Dialogue,
    ack,
    handshake_complete,
    handshake_request,
    output,
    service,
    stream,
)

TABLES = {
    "session": (SESSION, SessionPhase),
    "link": (LINK, LinkPhase),
    "input": (INPUT, InputPhase),
}


def names(constants: type) -> set[str]:
    return {value for name, value in vars(constants).items() if name.isupper()}


def events_of(table: Table) -> set[str]:
    return {event for transitions in table.values() for event in transitions}


def reachable(table: Table) -> set[str]:
    """Return the phases that events lead to, starting from the first phase."""
    found: set[str] = set()
    waiting = [next(iter(table))]
    while waiting:
        phase = waiting.pop()
        if phase not in found:
            found.add(phase)
            waiting += table[phase].values()
    return found


# The tables.


@pytest.mark.parametrize("name", TABLES)
def test_table_has_every_phase_and_each_is_reachable(name: str) -> None:
    table, constants = TABLES[name]
    assert set(table) == names(constants) == reachable(table)


def test_each_event_belongs_to_one_table() -> None:
    events = [event for table, _ in TABLES.values() for event in events_of(table)]
    assert sorted(events) == sorted(names(Trigger))


@pytest.mark.parametrize("name", TABLES)
def test_every_pair_of_phase_and_event_is_a_transition_a_fault_or_a_bug(name: str) -> None:
    table, _ = TABLES[name]
    for phase in table:
        for event in events_of(table):
            if event in table[phase]:
                assert after(table, phase, event) == table[phase][event]
                continue
            kind = RemoteProtocolError if event in AGENT_EVENTS else LocalProtocolError
            with pytest.raises(kind):
                after(table, phase, event)


def test_session_ends_in_every_phase_but_the_last_two() -> None:
    for phase, transitions in SESSION.items():
        ended = state_of(phase) == State.CLOSED
        assert ended == (not transitions)
        assert ended or {Trigger.CHANNEL_CLOSED, Trigger.FAILURE} <= set(transitions)


def test_table_as_markdown_has_a_row_for_each_transition() -> None:
    lines = as_markdown(SESSION).splitlines()
    assert lines[:2] == ["| phase | event | next phase |", "|---|---|---|"]
    assert "| held | the first output arrives | streaming |" in lines
    assert len(lines) == 2 + sum(map(len, SESSION.values()))


# The channel in every phase.


class Talk:
    """A dialogue in which any event of the session's table can be provoked."""

    def __init__(self) -> None:
        self.dialogue = Dialogue()
        self.dialogue.channel.resize(80, 24)  # so that the silence has a deadline
        self.dialogue.link()
        self._number = 0  # of the agent's next message
        self._sent: set[int] = set()

    @property
    def phase(self) -> str:
        return self.dialogue.channel.phase

    def provoke(self, event: str) -> list[object]:
        """Let an event happen, whether the table has it or not; return what the channel says."""
        told = list(ACTIONS[event](self))
        self._sent |= {number for number, _, _ in self.dialogue.sent_inputs()}
        return told

    def number(self) -> int:
        self._number += 1
        return self._number - 1

    def let_time_pass(self) -> list[object]:
        self.dialogue.now += 10.0
        return []

    def ack_all(self) -> list[object]:
        return list(self.dialogue.receive(*map(ack, sorted(self._sent))))

    def receive(self, make: Callable[[int], bytes]) -> list[object]:
        return list(self.dialogue.receive(make(self.number())))


ACTIONS: dict[str, Callable[[Talk], list[object]]] = {
    Trigger.HANDSHAKE_REQUEST: lambda talk: talk.receive(
        lambda number: handshake_request(number=number)
    ),
    Trigger.IDLE_REQUEST: lambda talk: talk.receive(
        lambda number: stream(number, PayloadType.HANDSHAKE_REQUEST, b"{}")
    ),
    Trigger.HANDSHAKE_COMPLETE: lambda talk: talk.receive(handshake_complete),
    Trigger.FIRST_OUTPUT: lambda talk: talk.receive(lambda number: output(number, b"x")),
    Trigger.SIZE_SENT: Talk.let_time_pass,
    Trigger.HOLD_EXPIRED: Talk.let_time_pass,
    Trigger.OPENING_ACK: Talk.ack_all,
    Trigger.AGENT_LEAVES: lambda talk: list(
        talk.dialogue.receive(service(AGENT_SESSION_STATE, b'{"SessionState":"Terminating"}'))
    ),
    Trigger.CHANNEL_CLOSED: lambda talk: list(talk.dialogue.receive(service("channel_closed"))),
    Trigger.FAILURE: lambda talk: list(talk.dialogue.receive(output(-1, b""))),
}


def paths() -> dict[str, tuple[str, ...]]:
    """Return for each phase the events that lead to it."""
    found: dict[str, tuple[str, ...]] = {SessionPhase.SILENT: ()}
    waiting = list(found)
    for phase in waiting:
        for event, following in SESSION[phase].items():
            if following not in found:
                found[following] = (*found[phase], event)
                waiting.append(following)
    return found


PATHS = paths()


def talk_in(phase: str) -> Talk:
    talk = Talk()
    for event in PATHS[phase]:
        talk.provoke(event)
    assert talk.phase == phase
    return talk


def phase_of_table(phase: str, event: str) -> str:
    """Return the phase in which an event leaves the channel, by the table."""
    transitions = SESSION[phase]
    if event in (Trigger.SIZE_SENT, Trigger.HOLD_EXPIRED):  # a deadline expires in either case
        event = Trigger.SIZE_SENT if phase == SessionPhase.SILENT else Trigger.HOLD_EXPIRED
    if event in transitions:
        return transitions[event]
    return SessionPhase.FAILED if event in AGENT_EVENTS and transitions else phase


def test_channel_follows_the_table() -> None:
    found = {}
    for phase, event in itertools.product(PATHS, ACTIONS):
        talk = talk_in(phase)
        events = talk.provoke(event)
        found[phase, event] = talk.phase, talk.dialogue.channel.state
        if event in AGENT_EVENTS and SESSION[phase] and event not in SESSION[phase]:
            (failed,) = events
            assert isinstance(failed, ChannelFailed), (phase, event)
            assert isinstance(failed.error, RemoteProtocolError), (phase, event)
    expected = {cell: phase_of_table(*cell) for cell in found}
    assert found == {cell: (phase, state_of(phase)) for cell, phase in expected.items()}


@pytest.mark.parametrize("phase", PATHS)
def test_input_leaves_only_in_phases_in_which_the_agent_may_take_it(phase: str) -> None:
    talk = talk_in(phase)
    accepted = talk.dialogue.send(b"input")
    assert bool(accepted) == (state_of(phase) != State.CLOSED)
    released = phase.startswith(("unproven", "streaming"))
    assert (talk.dialogue.sent_data() == b"input") == released
