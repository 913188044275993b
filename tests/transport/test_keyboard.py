"""stdin of a shell: its end is typed, and its rest is still taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from connector.transport.keyboard import END_PAUSE, LONGEST_REPEAT, Escape, Keyboard
from connector.transport.loop import Loop

END_OF_LINE = b"\n"


class FakeLoop(Loop):
    """A loop whose clock a test holds."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Do what is due in this time, each thing at its own."""
        end = self.now + seconds
        while (wait := self._time_to_next_timer()) is not None and self.now + wait <= end:
            self.now += wait
            self._turn()
        self.now = end


class Typist:
    """An Input that a test holds the end of."""

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
    """A keyboard, and what comes out of it."""

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


def test_nothing_is_read_before_the_session_is_open(seen: Seen) -> None:
    """Typed ahead, it stays with the terminal; and a far end may have no use for it."""
    seen.keyboard.set_wanted(17)
    assert seen.typist.wanted == 0
    seen.keyboard.opened(far_terminal=True, escapes=False)
    assert seen.typist.wanted == 17


def test_the_end_is_typed_at_a_far_terminal(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"ls\n")
    seen.typist.end()
    assert seen.data == b"ls\n"
    seen.loop.advance(END_PAUSE)
    assert (seen.data, seen.ends) == (b"ls\n\x04", 0)


def test_the_end_is_typed_again_ever_more_seldom_while_somebody_is_there(seen: Seen) -> None:
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


def test_a_line_without_its_end_is_finished_first(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"ls")
    seen.typist.end()
    assert seen.data == b"ls\n"
    seen.loop.advance(END_PAUSE)
    assert seen.data == b"ls\n\x04"


def test_empty_input_is_nothing_but_the_end(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.end()
    seen.loop.advance(END_PAUSE)
    assert (seen.data, seen.ends) == (b"\x04", 0)


def test_a_far_end_without_a_terminal_leaves_our_input_to_others(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=False, escapes=False)
    seen.keyboard.set_wanted(17)
    assert seen.typist.wanted == 0
    seen.keyboard.take_rest()
    assert (seen.typist.rest_taken, seen.ends) == (False, 1)


def test_who_leaves_has_what_was_given_last_and_the_end(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.keyboard.take_rest()
    assert seen.typist.rest_taken
    seen.typist.give(b"rest")
    seen.typist.end()
    assert (seen.data, seen.ends) == (b"rest", 1)


def test_who_leaves_after_the_end_need_not_wait_for_it(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.end()
    seen.keyboard.take_rest()
    seen.loop.advance(100)
    assert (seen.data, seen.ends) == (b"", 1)


def test_escapes_are_for_us(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.typist.give(b"ls\r~?")
    seen.typist.give(b"~.")
    assert (seen.data, seen.escapes) == (b"ls\r", [Escape.HELP, Escape.END])


def test_what_is_typed_after_the_escape_that_ends_is_for_nobody(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.typist.give(b"ls\r~.~.rm\r")
    assert (seen.data, seen.escapes) == (b"ls\r", [Escape.END])


@pytest.mark.parametrize("typed", [b"~", b"~?"])
def test_what_reaches_nobody_does_not_end_the_reading(seen: Seen, typed: bytes) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=True)
    seen.keyboard.set_wanted(17)
    seen.typist.wanted = 0  # as a read of a thread takes the request with it
    seen.typist.give(typed)
    assert seen.typist.wanted == 17


def test_without_a_terminal_a_tilde_is_data(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.typist.give(b"~.\n~.\n")
    assert (seen.data, seen.escapes) == (b"~.\n~.\n", [])


def test_how_much_is_wanted_and_the_close_go_through(seen: Seen) -> None:
    seen.keyboard.opened(far_terminal=True, escapes=False)
    seen.keyboard.set_wanted(17)
    seen.keyboard.close()
    assert (seen.typist.wanted, seen.typist.closed) == (17, True)
