"""Whatever the links do, the bytes that come out are those that went in, and none is lost."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from connector.datachannel.events import ChannelClosed, SessionOpened
from connector.datachannel.messages import PAUSE_PUBLICATION, START_PUBLICATION
from connector.datachannel.phases import State
from connector.datachannel.progress import SILENCE
from connector.datachannel.recovery import RoundTripEstimator

from .footprint import footprint
from .simulation import BEHAVIOURS, HEADER, MAX_IN_FLIGHT, PAYLOAD_SIZE, Faults, World

#: A payload size beyond the default, which the channel probes.
LARGE = 2000

#: The greatest in_flight_bytes: the bound, the headers of the bytes last accepted, and three
#: control messages.
MOST_IN_FLIGHT = MAX_IN_FLIGHT + HEADER * (MAX_IN_FLIGHT // PAYLOAD_SIZE + 3) + 600 + LARGE

#: The greatest size of the handshake's messages, in bytes.
CONTROL = 1000

#: The greatest memory of the channel in bytes, without its reorder buffer.
MOST_MEMORY = 150_000

probabilities = st.sampled_from([0.0, 0.05, 0.3, 0.7])
# The channel fails after a hundred damaged frames in a row; these rates make no such run.
damages = st.sampled_from([0.0, 0.05, 0.3])
faults = st.builds(
    Faults,
    drop=probabilities,
    duplicate=probabilities,
    delay=st.sampled_from([0.0, 0.01, 0.15]),
    jitter=st.sampled_from([0.0, 0.001, 0.05, 0.4]),
)
faults_with_damage = st.builds(
    lambda faults, damage: replace(faults, damage=damage), faults, damages
)
sizes = st.sampled_from([1, 2, 499, 500, 501, 1024, 1025, 5000, 20_000])
publications = st.sampled_from([PAUSE_PUBLICATION, START_PUBLICATION])


class Link(RuleBasedStateMachine):
    """One session over a link with every fault."""

    world: World

    @initialize(
        behaviour=st.sampled_from(sorted(BEHAVIOURS)),
        seed=st.integers(0, 2**32),
        to_agent=faults,
        to_client=faults_with_damage,
        payload_size=st.sampled_from([PAYLOAD_SIZE, LARGE]),
    )
    def start(
        self, behaviour: str, seed: int, to_agent: Faults, to_client: Faults, payload_size: int
    ) -> None:
        self.world = World(BEHAVIOURS[behaviour], seed, to_agent, to_client, payload_size)

    @rule(size=sizes)
    def ssh_writes(self, size: int) -> None:
        self.world.give_up(size)

    @rule(size=sizes)
    def sshd_writes(self, size: int) -> None:
        self.world.give_down(size)
        self.world.pump()

    @rule(up=sizes, down=sizes, seconds=st.sampled_from([0.05, 0.3, 1.0]))
    def both_talk(self, up: int, down: int, seconds: float) -> None:
        self.world.give_down(down)
        self.world.give_up(up)
        self.world.advance(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.0004, 0.002, 0.02, 0.11, 0.3, 1.5]))
    def time_passes(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(faults=faults)
    def wire_to_the_agent_changes(self, faults: Faults) -> None:
        self.world.to_agent.faults = faults

    @rule(faults=faults_with_damage)
    def wire_to_the_client_changes(self, faults: Faults) -> None:
        self.world.to_client.faults = faults

    @rule()
    def link_of_the_client_is_lost(self) -> None:
        self.world.cut_client()

    @rule()
    def client_links_again(self) -> None:
        self.world.link_client()

    @rule()
    def link_of_the_agent_is_lost(self) -> None:
        self.world.cut_agent()

    @rule()
    def agent_links_again(self) -> None:
        self.world.link_agent()

    @rule(message_type=publications, text=st.booleans())
    def service_tells_the_client(self, message_type: str, text: bool) -> None:
        self.world.tell_client(message_type, text=text)

    @rule(message_type=publications)
    def service_tells_the_agent(self, message_type: str) -> None:
        self.world.tell_agent(message_type)

    @rule()
    def ssh_ends_its_input(self) -> None:
        self.world.end_up()

    @rule()
    def faults_end(self) -> None:
        self.world.heal()

    @invariant()
    def delivered_bytes_are_a_prefix_of_given_bytes(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        assert world.up_given.startswith(world.up_delivered)
        assert world.down_given.startswith(world.down_delivered)

    @invariant()
    def bytes_in_flight_are_bounded_and_the_session_stays_open(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        channel = world.channel
        assert 0 <= channel.in_flight_bytes <= MOST_IN_FLIGHT
        assert channel.state != State.CLOSED or world.ended
        assert len(world.events) <= (2 if world.ended else 1)

    @invariant()
    def timer_is_set_while_something_will_be_due(self) -> None:
        if not hasattr(self, "world"):
            return
        world, channel = self.world, self.world.channel
        timer = channel.get_timer()
        if not channel.linked or channel.paused or channel.state == State.CLOSED:
            assert timer is None
        elif channel.in_flight_bytes:
            assert timer is not None
            assert timer <= world.now + RoundTripEstimator.MAX_RTO
        elif world.silent and channel.state == State.OPENING:
            assert timer is not None
            assert timer <= world.now + SILENCE
        elif channel.delivered and not world.input_ended:
            assert timer is None

    @invariant()
    def no_buffer_grows_without_bound(self) -> None:
        if not hasattr(self, "world"):
            return
        world, ahead = self.world, self.world.channel._receiver._ahead
        assert ahead.held_bytes <= len(world.down_given) - len(world.down_delivered) + CONTROL
        assert footprint(world.channel) - footprint(ahead) < MOST_MEMORY

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        world.heal()
        if not world.input_ended:
            assert [type(event) for event in world.events] == [SessionOpened]
            world.end_up()
            world.advance(5.0)
        assert world.ended
        assert [type(event) for event in world.events] == [SessionOpened, ChannelClosed]
        assert world.channel.state == State.CLOSED
        assert world.channel.get_timer() is None


TestLink = Link.TestCase
TestLink.settings = settings(max_examples=3 * settings().max_examples)


@settings(max_examples=5 * settings().max_examples)
@given(
    behaviour=st.sampled_from(sorted(BEHAVIOURS)),
    seed=st.integers(0, 2**32),
    to_agent=faults,
    to_client=faults_with_damage,
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 501, 5000]),
            st.sampled_from([0, 1, 1025, 5000]),
            st.sampled_from([0.0, 0.002, 0.02, 0.3, 1.5]),
            st.booleans(),
        ),
        max_size=6,
    ),
)
def test_channel_closed_at_any_moment_reports_missing_output_exactly(
    behaviour: str,
    seed: int,
    to_agent: Faults,
    to_client: Faults,
    steps: list[tuple[int, int, float, bool]],
) -> None:
    world = World(BEHAVIOURS[behaviour], seed, to_agent, to_client)
    for up, down, seconds, cut in steps:
        world.give_up(up)
        world.give_down(down)
        world.advance(seconds)
        if cut:
            world.cut_client()
            world.link_client()
    world.close()

    assert world.up_given.startswith(world.up_delivered)
    assert world.down_given.startswith(world.down_delivered)
    closed = world.events[-1]
    assert isinstance(closed, ChannelClosed)
    first_missing = next(number for number in itertools.count() if not world.arrived.get(number))
    assert closed.output_missing == (max(world.arrived, default=-1) >= first_missing)
    if not world.channel.unacknowledged_bytes:
        assert world.up_delivered == world.up_given[: world.up_accepted]


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_session_without_faults_needs_no_retransmission(behaviour: str) -> None:
    world = World(BEHAVIOURS[behaviour], seed=1)
    world.give_down(10_000)
    world.advance(1.0)
    world.give_up(10_000)
    world.heal()
    if behaviour != "vicious":
        assert world.channel.stats.retransmitted == 0


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
@pytest.mark.parametrize("seed", range(3))
def test_transfer_both_ways_over_a_bad_link_is_complete(behaviour: str, seed: int) -> None:
    world = World(BEHAVIOURS[behaviour], seed)
    bad = Faults(drop=0.2, duplicate=0.1, delay=0.02, jitter=0.03)
    world.to_agent.faults = bad
    world.to_client.faults = replace(bad, damage=0.1)
    world.give_up(40_000)
    world.give_down(40_000)
    for _ in range(20):
        world.advance(0.4)
        world.cut_client()
        world.advance(0.1)
        world.link_client()
    world.heal()
    assert len(world.up_delivered) == 40_000
    assert world.channel.stats.retransmitted > 0
    assert world.channel.stats.malformed > 0


def test_download_whose_acks_are_late_survives_a_cut_each_2_seconds() -> None:
    """The agent repairs one message in 100 ms, and must not repair what only lost its ack."""
    world = World(
        BEHAVIOURS["real"], seed=1, to_agent=Faults(delay=0.3), to_client=Faults(delay=0.04)
    )
    world.advance(1.5)
    world.give_down(4_000_000)
    while world.down_delivered != world.down_given:
        assert world.now < 60  # it takes 4 s without a cut, and 24 s here
        world.advance(2.0)
        world.cut_client()
        world.advance(0.05)
        world.link_client()
    assert world.to_agent.lost > 10 * world.channel.stats.duplicates


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
def test_link_that_drops_large_messages_loses_nothing(behaviour: str) -> None:
    swallowing = Faults(largest=HEADER + 1024)
    world = World(BEHAVIOURS[behaviour], seed=1, to_agent=swallowing, payload_size=LARGE)
    world.give_down(100)
    world.give_up(40_000)
    world.advance(10.0)
    assert world.up_delivered == world.up_given
    assert world.channel.delivered


def test_client_that_speaks_first_loses_nothing_while_the_port_is_dialled() -> None:
    world = World(BEHAVIOURS["vicious"], seed=3)
    world.give_up(3000)
    world.advance(0.26)
    assert world.channel.in_flight_bytes > 0  # the grace has expired
    world.heal()
    assert world.up_delivered == world.up_given


@pytest.mark.parametrize("behaviour", sorted(BEHAVIOURS))
@pytest.mark.parametrize("moment", [0.0, 0.0005, 0.002, 0.05, 1.2])
@pytest.mark.parametrize("way", ["send_eof", "terminate"])
def test_session_can_be_ended_at_any_moment(behaviour: str, moment: float, way: str) -> None:
    world = World(BEHAVIOURS[behaviour], seed=1)
    world.advance(moment)
    getattr(world.channel, way)()
    world.advance(10.0)
    assert world.ended
    assert world.channel.state == State.CLOSED
