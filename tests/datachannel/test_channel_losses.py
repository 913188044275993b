"""The losses that a channel reports when the service closes it."""

from __future__ import annotations

import pytest

from connector.datachannel.events import ChannelClosed, CommandExited, DataReceived
from connector.datachannel.messages import PayloadType
from connector.datachannel.phases import State
from connector.datachannel.recovery import ReorderBuffer

from .helpers import (
    Dialogue,
    ack,
    after_first_output,
    after_handshake,
    output,
    received,
    service,
    stream,
)

CLOSED = service("channel_closed")


def damaged(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


#: Name of a case -> frames after message 2, the delivered bytes, and whether output is missing.
ARRIVALS: dict[str, tuple[list[bytes], bytes, bool]] = {
    "nothing": ([], b"", False),
    "the next": ([output(3, b"a")], b"a", False),
    "all, out of order": ([output(4, b"b"), output(3, b"a")], b"ab", False),
    "a duplicate": ([output(2, b"banner")], b"", False),
    "one behind a gap": ([output(4, b"b")], b"", True),
    "one, and one behind a gap": ([output(3, b"a"), output(5, b"c")], b"a", True),
    "an exit status behind a gap": ([stream(4, PayloadType.EXIT_CODE, b"EXIT_CODE: 5")], b"", True),
    "a damaged one": ([damaged(output(3, b"a"))], b"", True),
    "a damaged duplicate": ([damaged(output(2, b"banner"))], b"", False),
    "a damaged one, and its retransmission": (
        [damaged(output(3, b"a")), output(3, b"a")],
        b"a",
        False,
    ),
    "a damaged header": ([output(3, b"a")[:60]], b"", False),
    "a damaged number": ([damaged(output(2**40, b"a"))], b"", False),
    "a damaged ack": ([damaged(ack(0))], b"", False),
}


@pytest.mark.parametrize("case", ARRIVALS)
@pytest.mark.parametrize("text", [False, True], ids=["message", "text"])
def test_channel_closed_reports_missing_output(case: str, text: bool) -> None:
    frames, good, missing = ARRIVALS[case]
    dialogue = after_first_output()
    events = dialogue.receive(*frames)
    assert dialogue.channel.output_missing == missing
    events += dialogue.channel.receive_text("channel_closed") if text else dialogue.receive(CLOSED)
    assert received(events) == good
    assert events[-1] == ChannelClosed("", missing)
    assert not any(isinstance(event, CommandExited) for event in events)


def test_channel_closed_reports_output_refused_by_a_full_reorder_buffer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReorderBuffer, "MAX_MESSAGES", 1)
    dialogue = after_first_output()
    dialogue.receive(output(4, b"held"), output(5, b"refused"))
    assert dialogue.receive(output(3, b"next")) == [DataReceived(b"nextheld")]
    assert dialogue.receive(CLOSED) == [ChannelClosed("", output_missing=True)]


def test_output_after_channel_closed_does_not_fill_a_gap() -> None:
    dialogue = after_first_output()
    dialogue.receive(output(4, b"b"))
    dialogue.receive(CLOSED)
    assert dialogue.receive(output(3, b"a")) == []
    assert dialogue.channel.state == State.CLOSED


def test_gap_outlives_its_link() -> None:
    dialogue = after_first_output()
    dialogue.receive(output(4, b"b"))
    dialogue.lose()
    dialogue.link()
    assert dialogue.receive(CLOSED) == [ChannelClosed("", output_missing=True)]


def unacked(dialogue: Dialogue) -> int:
    return dialogue.channel.unacknowledged_bytes


def test_unacked_bytes_count_stream_bytes_only() -> None:
    dialogue = after_handshake("InteractiveCommands", payload_size=4096)
    assert dialogue.send(b"x" * 1500) == 1500
    assert unacked(dialogue) == 1500  # held for the first output
    dialogue.channel.resize(80, 24)
    dialogue.receive(output(2, b"banner"))
    kinds = [kind for _, kind, _ in dialogue.sent_inputs()]
    assert sorted(kinds) == [1, 1, PayloadType.SIZE, PayloadType.PARAMETER]
    assert unacked(dialogue) == 1500
    dialogue.receive(ack(3))
    assert unacked(dialogue) == 1500 - 1024
    dialogue.receive(ack(4))
    assert unacked(dialogue) == 0
    assert not dialogue.channel.delivered  # the size and the probe


def test_unacked_bytes_stay_after_channel_closed() -> None:
    dialogue = after_first_output()
    dialogue.send(b"x" * 100)
    dialogue.sent()
    dialogue.receive(CLOSED, ack(1))
    assert unacked(dialogue) == 100


def test_terminate_flag_does_not_count_as_unacked_input() -> None:
    dialogue = after_first_output()
    dialogue.channel.terminate()
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.FLAG]
    dialogue.receive(CLOSED)
    assert unacked(dialogue) == 0
