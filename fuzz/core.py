"""Targets in the data channel: frames, payloads, and the channel as a whole."""

from __future__ import annotations

from hashlib import sha256

from connector.datachannel import messages, payloads
from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.channel import DataChannel
from connector.datachannel.events import ChannelClosed, DataReceived, Event
from connector.datachannel.limits import MAX_PAYLOAD_SIZE
from connector.datachannel.messages import MalformedMessage, PayloadType
from connector.datachannel.payloads import MalformedPayload
from connector.datachannel.phases import State
from connector.datachannel.streams import MAX_SEQUENCE_JUMP

from .choices import Choices

MAX_IN_FLIGHT = 4096

_TYPES = (
    messages.OUTPUT_STREAM_DATA,
    messages.ACKNOWLEDGE,
    messages.CHANNEL_CLOSED,
    messages.PAUSE_PUBLICATION,
    messages.START_PUBLICATION,
    "agent_session_state",
)


def codec(data: bytes) -> None:
    """A frame is refused, or its payload matches its digest."""
    try:
        message_type, *_, payload = messages.unpack(data)
    except MalformedMessage as error:
        assert len(str(error)) < 200
        return
    if message_type in (messages.PAUSE_PUBLICATION, messages.START_PUBLICATION):
        assert payload == b""
        return
    assert data.endswith(payload)
    assert not payload or sha256(payload).digest() == data[80:112]
    assert messages.unpack(AgentMessage.decode(data).encode())[-1] == payload


_PARSERS = (
    payloads.acknowledged_sequence_number,
    payloads.parse_handshake_request,
    payloads.parse_handshake_response,
    payloads.parse_handshake_complete,
    payloads.parse_flag,
    payloads.parse_exit_code,
)


def documents(data: bytes) -> None:
    """A payload is parsed or refused."""
    choices = Choices(data)
    parser, payload = choices.of(_PARSERS), choices.rest()
    try:
        parser(payload)
    except MalformedPayload as error:
        assert len(str(error)) < 200
    assert isinstance(payloads.channel_closed_output(payload), str)


def channel(data: bytes) -> None:
    """Whatever an agent sends, the channel raises nothing and delivers only verified bytes."""
    choices = Choices(data)
    end = _Agent()
    while choices and end.channel.state != State.CLOSED:
        choices.of(_MOVES)(end, choices)
        end.check()


class _Agent:
    """Sends messages to a channel, and knows which bytes the channel may deliver."""

    def __init__(self) -> None:
        self.now = 1.0
        self.seq = 0  # of the next message in order
        self.channel = DataChannel(
            client_id="",
            epoch_offset=0.0,
            new_ids=bytes,
            max_in_flight=MAX_IN_FLIGHT,
            payload_size=MAX_PAYLOAD_SIZE,
        )
        self.channel.connection_made("token", self.now)
        self._spoken: dict[int, tuple[int, bytes]] = {}
        self._delivered = b""

    def say(self, seq: int, payload_type: int, payload: bytes) -> None:
        """Send one stream message. Of several with one number, the first counts."""
        if 0 <= seq < MAX_SEQUENCE_JUMP:
            self._spoken.setdefault(seq, (payload_type, payload))
        self.give(AgentMessage(messages.OUTPUT_STREAM_DATA, payload, payload_type, seq).encode())

    def give(self, *frames: bytes) -> None:
        self.take(self.channel.receive_messages(list(frames), self.now))

    def take(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived):
                self._delivered += event.data
            elif isinstance(event, ChannelClosed) and not event.output_missing:
                # There is no gap in what was sent.
                assert len(self._spoken) == max(self._spoken, default=-1) + 1

    def check(self) -> None:
        channel = self.channel
        for frame in channel.messages_to_send(self.now):
            assert messages.unpack(frame)[0] in (messages.INPUT_STREAM_DATA, messages.ACKNOWLEDGE)
        # The accepted input, a header for each piece, and the responses to handshakes.
        assert 0 <= channel.in_flight_bytes < MAX_IN_FLIGHT * 121 + 300_000
        timer = channel.get_timer()
        assert timer is None or timer > self.now - 1e9
        expected, seq = b"", 0
        while seq in self._spoken:
            payload_type, payload = self._spoken[seq]
            expected += payload if payload_type == PayloadType.OUTPUT else b""
            seq += 1
        assert expected.startswith(self._delivered)
        assert channel.stats.bytes_received == len(self._delivered)


def _next(end: _Agent, choices: Choices) -> None:
    payload_type, end.seq = choices.number() % 14, end.seq + 1
    end.say(end.seq - 1, payload_type, choices.piece())


def _output(end: _Agent, choices: Choices) -> None:
    end.seq += 1
    end.say(end.seq - 1, PayloadType.OUTPUT, choices.piece())


def _elsewhere(end: _Agent, choices: Choices) -> None:
    end.say(end.seq + choices.number(signed=True), PayloadType.OUTPUT, choices.piece())


def _anywhere(end: _Agent, choices: Choices) -> None:
    end.say(choices.number(8, signed=True), choices.number(4), choices.piece())


def _raw(end: _Agent, choices: Choices) -> None:
    frame = choices.piece()
    try:
        known = messages.unpack(frame)[0] == messages.OUTPUT_STREAM_DATA
    except MalformedMessage:
        known = False
    if not known:  # the other moves send output
        end.give(frame)


def _damaged(end: _Agent, choices: Choices) -> None:
    frame = bytearray(AgentMessage(messages.OUTPUT_STREAM_DATA, b"damaged", 1, end.seq).encode())
    place = choices.number() % len(frame)
    if 80 <= place < 112 or place >= 116:  # the digest, and the bytes that it covers
        frame[place] ^= 1 + choices.number() % 255
        end.give(bytes(frame))


def _acknowledge(end: _Agent, choices: Choices) -> None:
    payload = payloads.acknowledge(messages.INPUT_STREAM_DATA, bytes(16), choices.number())
    end.give(AgentMessage(messages.ACKNOWLEDGE, payload).encode())


def _service(end: _Agent, choices: Choices) -> None:
    message_type = choices.of(_TYPES[1:])
    end.give(AgentMessage(message_type, choices.piece()).encode())


def _text(end: _Agent, choices: Choices) -> None:
    text = choices.of((*_TYPES, choices.piece().decode("utf-8", "replace")))
    end.take(end.channel.receive_text(text))


def _handshake(end: _Agent, choices: Choices) -> None:
    session_type = choices.of(("Port", "Standard_Stream", "Unknown"))
    action = payloads.ClientAction("SessionType", {"SessionType": session_type})
    request = payloads.HandshakeRequest("3.3", (action,))
    end.seq += 1
    end.say(end.seq - 1, PayloadType.HANDSHAKE_REQUEST, payloads.handshake_request(request))


def _complete(end: _Agent, choices: Choices) -> None:
    end.seq += 1
    message = choices.of(("", "Welcome"))
    end.say(end.seq - 1, PayloadType.HANDSHAKE_COMPLETE, payloads.handshake_complete(message, 1))


def _write(end: _Agent, choices: Choices) -> None:
    if capacity := end.channel.send_capacity:
        assert end.channel.send_data(bytes(choices.number(2))) <= capacity


def _end(end: _Agent, choices: Choices) -> None:
    choices.of((end.channel.send_eof, end.channel.terminate))()


def _wait(end: _Agent, choices: Choices) -> None:
    end.now += choices.number() / 16
    timer = end.channel.get_timer()
    if timer is not None and timer <= end.now:
        end.channel.handle_timer(end.now)
        assert end.channel.messages_to_send(end.now), "the timer made nothing due"


def _relink(end: _Agent, choices: Choices) -> None:
    if end.channel.linked:
        end.channel.connection_lost(end.now)
    else:
        end.channel.connection_made("token", end.now)


_MOVES = (
    _next,
    _output,
    _elsewhere,
    _anywhere,
    _raw,
    _damaged,
    _acknowledge,
    _service,
    _text,
    _handshake,
    _complete,
    _write,
    _end,
    _wait,
    _relink,
)
