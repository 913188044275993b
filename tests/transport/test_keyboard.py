"""The input of a shell: its end is typed, and its rest is still read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connector.transport.keyboard import END_PAUSE, LONGEST_REPEAT, Escape, Keyboard
from connector.transport.loop import Loop

END_OF_LINE = b"\n"


class FakeLoop(Loop):
    """A loop whose clock the test sets."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Advance the clock, and run each timer at its time."""
        end = self.now + seconds
        while (wait := self._time_to_next_timer()) is not None and self.now + wait <= end:
            self.now += wait
            self._turn()
        self.now = end


class Typist:
    """An Input that the test controls."""

    def __init__(self) -> None:
        self.wanted = 0
        self.closed = self.rest_taken = False

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.give, self.end = on_data, on_end

    def set_wanted(self, wanted: int) -> None:
        self.wanted = wanted

    def take_rest(self) -> None:
        self.rest_taken = True

    def close(self) -> None:
        self.closed = True


class Seen:
    """A keyboard, and what it has passed on."""

    def __init__(self) -> None:
        self.typist = Typist()
        self.data = b""
        self.ends = 0
        self.escapes: list[Escape] = []
        self.loop = FakeLoop()
        self.keyboard = Keyboard(self.loop, self.typist, END_OF_LINE, self.escapes.append)
        self.keyboard.start(self._got, self._ended)

    def _got(self, data: bytes) -> None:
        self.data += data

    def _ended(self) -> None:
        self.ends += 1


@pytest.fixture
def seen() -> Iterator[Seen]:
    seen = Seen()
    yield seen
    seen.loop.close()


def test_stdin_is_not_read_before_the_session_is_open(seen: Seen) -> None:
    """What is typed ahead stays with the terminal, and the session may take no input."""
    seen.keyboard.set_wanted(17)
    assert seen.typist.wanted == 0
    seen.keyboard.opened(far_terminal=True, escapes=False)
    assert seen.typist.wanted == 17


def test_end_of_stdin_is_typed_on_a_terminal(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"ls\n")
    seen.typist.end()
    assert seen.data == b"ls\n"
    seen.loop.advance(END_PAUSE)
    assert (seen.data, seen.ends) == (b"ls\n\x04", 0)


def test_end_is_typed_again_with_growing_pauses_until_the_session_ends(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.end()
    seen.loop.advance(END_PAUSE)
    for count, pause in enumerate((1, 2, 4, 8, 16, 16, 16), 1):
        seen.loop.advance(pause - 0.001)
        assert seen.data == count * b"\x04"
        seen.loop.advance(0.001)
    assert pause == LONGEST_REPEAT
    typed = seen.data
    seen.keyboard.close()
    seen.loop.advance(100)
    assert seen.data == typed


def test_unfinished_line_is_finished_first(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"ls")
    seen.typist.end()
    assert seen.data == b"ls\n"
    seen.loop.advance(END_PAUSE)
    assert seen.data == b"ls\n\x04"


def test_empty_input_types_only_the_end(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.end()
    seen.loop.advance(END_PAUSE)
    assert (seen.data, seen.ends) == (b"\x04", 0)


def test_session_without_a_terminal_leaves_stdin_unread(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=False, escapes=False)
    seen.keyboard.set_wanted(17)
    assert seen.typist.wanted == 0
    seen.keyboard.take_rest()
    assert (seen.typist.rest_taken, seen.ends) == (False, 1)


def test_take_rest_passes_on_the_rest_and_the_end(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.keyboard.take_rest()
    assert seen.typist.rest_taken
    seen.typist.give(b"rest")
    seen.typist.end()
    assert (seen.data, seen.ends) == (b"rest", 1)


def test_take_rest_after_the_end_of_stdin_ends_at_once(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.end()
    seen.keyboard.take_rest()
    seen.loop.advance(100)
    assert (seen.data, seen.ends) == (b"", 1)


def test_escapes_are_not_sent(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.typist.give(b"ls\r~?")
    seen.typist.give(b"~.")
    assert (seen.data, seen.escapes) == (b"ls\r", [Escape.HELP, Escape.END])


def test_input_after_the_ending_escape_is_dropped(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.typist.give(b"ls\r~.~.rm\r")
    assert (seen.data, seen.escapes) == (b"ls\r", [Escape.END])


@pytest.mark.parametrize("typed", [b"~", b"~?"])
def test_reading_goes_on_after_a_lone_escape(seen: Seen, typed: bytes) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.keyboard.set_wanted(17)
    seen.typist.wanted = 0  # as a read of a thread takes the request with it
    seen.typist.give(typed)
    assert seen.typist.wanted == 17


def test_tilde_is_data_without_a_terminal(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"~.\n~.\n")
    assert (seen.data, seen.escapes) == (b"~.\n~.\n", [])


def test_set_wanted_and_close_are_passed_on(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.keyboard.set_wanted(17)
    seen.keyboard.close()
    assert (seen.typist.wanted, seen.typist.closed) == (17, True)
