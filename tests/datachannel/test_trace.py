"""A recorded dialogue: what a trace marks, and what it counts."""

from __future__ import annotations

from collections.abc import Iterable

from connector.datachannel.dialogue import parse
from connector.datachannel.trace import Trace


def traced(text: str, seconds: float = 0.01) -> tuple[Trace, list[str]]:
    """Return the trace of these lines, each ``seconds`` after the one before, and its marks."""
    trace, marks = Trace(), []
    for index, row in enumerate(text.strip().splitlines()):
        line = parse(row.strip())
        assert line is not None
        marks.append(trace.note(line, index * seconds))
    return trace, marks


def summary(lines: Iterable[str]) -> dict[str, list[str]]:
    """Return the numbers of each row of the summary."""
    return {line[:24].strip(): line[24:].split() for line in lines if line.startswith(ROWS)}


ROWS = ("stream bytes", "messages", "retransmissions")


def test_ordinary_messages_have_no_mark_and_acks_their_time() -> None:
    trace, marks = traced("""
        > open_data_channel
        < output_stream_data 0 payload=output 10 B
        > acknowledge 0
        > input_stream_data 0 payload=output 20 B
        < acknowledge 0
    """)
    assert marks == ["link 1", "", "after 10 ms", "", "after 10 ms"]
    lines = list(trace.totals())
    assert summary(lines) == {
        "stream bytes": ["20", "10"],
        "messages": ["1", "1"],
        "retransmissions": ["0", "0"],
        "messages without ack": ["0", "0"],
        "messages missing": ["0", "0"],
    }
    assert lines[-2:] == [
        "round trip of input: median 10 ms, longest 10 ms",
        "links: 1, malformed frames: 0",
    ]


def test_retransmission_is_marked_and_its_bytes_count_once() -> None:
    trace, marks = traced("""
        > input_stream_data 0 payload=output 20 B
        > input_stream_data 0 payload=output 20 B
        > input_stream_data 0 payload=output 20 B
        < acknowledge 0
        < acknowledge 0
    """)
    assert marks == ["", "retransmission 1", "retransmission 2", "", "again"]
    assert (trace.input.sent, trace.input.retransmitted) == (3, 2)
    assert trace.input.stream_bytes == 20
    assert trace.input.round_trips == []  # the ack may answer any of the three


def test_gap_is_marked_and_its_end_too() -> None:
    trace, marks = traced("""
        < output_stream_data 0 payload=output 1 B
        < output_stream_data 3 payload=output 1 B
        < output_stream_data 5 payload=output 1 B
        < output_stream_data 1 payload=output 1 B
        < output_stream_data 6 payload=output 1 B
    """)
    assert marks == ["", "gap: 1-2 missing", "gap: 4 missing", "fills a gap", ""]
    assert trace.output.missing == [(2, 2), (4, 4)]
    assert list(trace.totals())[-2:] == ["output without ack: 0-1, 3, 5-6", "output missing: 2, 4"]


def test_new_link_and_malformed_frames_are_counted() -> None:
    trace, marks = traced("""
        > open_data_channel
        < malformed 60 B: a message of 60 bytes is shorter than its header
        > open_data_channel
        < pause_publication
        < text channel_closed
    """)
    assert marks == ["link 1", "", "link 2", "", ""]
    assert (trace.links, trace.malformed) == (2, 1)


def test_ack_of_a_message_before_the_record_is_marked() -> None:
    _, marks = traced("< acknowledge 5")
    assert marks == ["of a message that is not here"]


def test_absurd_numbers_cost_no_memory() -> None:
    trace, _ = traced(f"""
        < output_stream_data {2**62} payload=output 1 B
        < output_stream_data -5 payload=output 1 B
    """)
    assert trace.output.missing == [(0, 2**62 - 1)]
    assert "…" not in "".join(trace.totals())


def test_long_lists_of_numbers_are_cut() -> None:
    rows = "\n".join(
        f"> input_stream_data {number} payload=output 1 B" for number in range(0, 60, 2)
    )
    trace, _ = traced(rows)
    assert list(trace.totals())[-1].endswith("18, …")
