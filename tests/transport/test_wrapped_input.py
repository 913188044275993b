"""The input of a wrapped command: lines of base64, once the wrapper reads."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from connector.transport.wrapped import END_LINE, LINE_SIZE, WrappedInput

from .test_keyboard import FakeLoop, Typist


class Seen:
    """The input of a command, and what it has passed on."""

    def __init__(self, loop: FakeLoop) -> None:
        self.typist = Typist()
        self.data = b""
        self.ends = 0
        self.input = WrappedInput(loop, self.typist)
        self.input.start(self._took, self._ended)
        self.input.set_wanted(100)

    def _took(self, data: bytes) -> None:
        self.data += data

    def _ended(self) -> None:
        self.ends += 1


@pytest.fixture
def seen() -> Iterator[Seen]:
    loop = FakeLoop()
    yield Seen(loop)
    loop.close()


def test_stdin_is_not_read_before_the_wrapper_reads(seen: Seen) -> None:
    seen.input.opened(far_terminal=True, escapes=False)
    assert seen.typist.wanted == 0
    seen.input.ready()
    assert seen.typist.wanted == LINE_SIZE
    seen.input.set_wanted(0)
    assert seen.typist.wanted == 0


def test_input_is_sent_as_lines_and_its_end_as_a_line(seen: Seen) -> None:
    seen.input.ready()
    seen.typist.give(b"\x04~.\n")
    assert seen.data == base64.b64encode(b"\x04~.\n") + b"\n"
    seen.typist.end()
    assert seen.data.endswith(b"\n" + END_LINE)
    assert seen.ends == 0  # the command goes on


def test_take_rest_reads_the_rest_of_stdin(seen: Seen) -> None:
    seen.input.ready()
    seen.input.take_rest()
    assert seen.typist.rest_taken
    seen.typist.end()
    assert (seen.data, seen.ends) == (b"", 1)


def test_take_rest_leaves_stdin_that_the_wrapper_does_not_read(seen: Seen) -> None:
    seen.input.take_rest()
    assert not seen.typist.rest_taken
    assert seen.ends == 1
