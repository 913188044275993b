"""Escapes in what a user types."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.transport.keyboard import Escape, EscapeParser

END, HELP, SUSPEND = Escape.END, Escape.HELP, Escape.SUSPEND
TYPED = st.lists(
    st.sampled_from([b"~", b"~", b"\r", b"\n", b".", b"?", b"\x1a", b"a", b"\xff", b"word"])
).map(b"".join)


def parse(*chunks: bytes) -> list[bytes | Escape]:
    """Return the parts of input that comes in these chunks."""
    parser = EscapeParser()
    return joined([part for chunk in chunks for part in parser.feed(chunk)])


def joined(parts: list[bytes | Escape]) -> list[bytes | Escape]:
    """Return the same parts, with adjacent bytes joined."""
    result: list[bytes | Escape] = []
    for part in parts:
        if isinstance(part, bytes) and result and isinstance(result[-1], bytes):
            result[-1] += part
        else:
            result.append(part)
    return result


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        (b"ls -l\r", [b"ls -l\r"]),
        (b"~.", [END]),
        (b"ls\r~.", [b"ls\r", END]),
        (b"ls\n~.", [b"ls\n", END]),
        (b"ls~.", [b"ls~."]),
        (b"~?", [HELP]),
        (b"~\x1a", [SUSPEND]),
        (b"~?~\x1a~.", [HELP, SUSPEND, END]),
        (b"~?ls\r", [HELP, b"ls\r"]),
        (b"~~.", [b"~."]),
        (b"~~~.", [b"~~."]),
        (b"~~\r~.", [b"~\r", END]),
        (b"~/bin\r", [b"~/bin\r"]),
        (b"~\r~.", [b"~\r", END]),
        (b"cd ~\r", [b"cd ~\r"]),
        (b"\r\r~.~.", [b"\r\r", END, END]),
        (b"\x1b[A~.", [b"\x1b[A~."]),
        (b"", []),
    ],
)
def test_escapes_are_those_of_ssh(typed: bytes, parts: list[bytes | Escape]) -> None:
    assert parse(typed) == parts


def test_tilde_is_kept_back_until_the_next_key() -> None:
    parser = EscapeParser()
    assert parser.feed(b"\r~") == [b"\r"]
    assert parser.feed(b"") == []
    assert parser.feed(b"x") == [b"~x"]


@given(TYPED, st.data())
def test_escapes_do_not_depend_on_the_pieces(typed: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)), max_size=5)))
    bounds = [0, *cuts, len(typed)]
    chunks = [typed[a:b] for a, b in pairwise(bounds)]
    assert parse(*chunks) == parse(typed)


@given(TYPED)
def test_escapes_follow_the_rule_key_by_key(typed: bytes) -> None:
    """A second implementation of the rule, in the way of ssh's own."""
    parts, kept, at_start = list[bytes | Escape](), False, True
    escapes = {b".": END, b"?": HELP, b"\x1a": SUSPEND}
    for key in (typed[index : index + 1] for index in range(len(typed))):
        if kept:
            kept = False
            if key in escapes:
                parts.append(escapes[key])
                continue
            if key != b"~":
                parts.append(b"~")
        elif at_start and key == b"~":
            kept = True
            continue
        at_start = key in (b"\r", b"\n")
        parts.append(key)
    assert parse(typed) == joined(parts)


@given(st.binary().filter(lambda data: b"~" not in data))
def test_input_without_a_tilde_is_unchanged(typed: bytes) -> None:
    assert parse(typed) == ([typed] if typed else [])
