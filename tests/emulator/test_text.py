"""The agent's treatment of output that is UTF-8, and of output that is not."""

from __future__ import annotations

import pytest

from connector.emulator.agent.outbox import TextStream


def test_text_passes_whole_wherever_it_is_split() -> None:
    data = "a\N{EURO SIGN}b\N{GRINNING FACE}\N{LATIN SMALL LETTER E WITH ACUTE}".encode()
    for cut in range(len(data) + 1):
        stream = TextStream()
        first, second = stream.passed(data[:cut]), stream.passed(data[cut:])
        assert first + second == data
        first.decode()  # no character is cut


@pytest.mark.parametrize(
    ("read", "passed"),
    [
        (b"abc\xff", b"abc"),
        (b"abc\xff\xfe", b"abc"),
        (b"abc\xffab", b"abc"),
        (b"abc\xffabc", b"abc\xffabc"),
        (b"\xff\xfe\xfd\xfc", b"\xff"),
        (b"\xf0\x9f\x98", b""),
        (b"\xe2\x82", b""),
        (b"", b""),
    ],
)
def test_incomplete_character_waits_for_the_next_read(read: bytes, passed: bytes) -> None:
    stream = TextStream()
    assert stream.passed(read) == passed
    assert stream.passed(b"wxyz") == read[len(passed) :] + b"wxyz"


def test_replacement_character_is_damaged() -> None:
    data = "\N{REPLACEMENT CHARACTER}".encode()
    assert TextStream().passed(data + b"x") == b"\xefx"
    assert TextStream().passed(b"x" + data) == b"x"
