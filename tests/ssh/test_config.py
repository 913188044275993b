"""A user's ssh_config as text: parsing its lines, and changing nothing but Include lines."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.ssh.config import (
    Line,
    add,
    includes,
    is_literal,
    parse,
    redirected,
    without,
)

OURS = "codecatalyst_config"
INCLUDE = f"Include {OURS}"

PIECES = [
    *(b"\n", b"\r\n", b"\r", b" ", b"\t", b"\f", b'"', b"'", b"\\", b"=", b"#", b"*", b"\xe9"),
    *(b"\xef\xbb\xbf", b"\xef", b"\0", b"Host", b"host a", b"Host=b", b"Match exec true\n"),
    *(b"Match final\n", b"Include", b"include other\n", b"Include *.conf", b"# Include x\n"),
    *(b"User x\n", b"  User y\r\n", b"ProxyCommand none\n", b"Include codecatalyst_config.d/x\n"),
]
TEXTS = st.one_of(st.binary(), st.lists(st.sampled_from(PIECES)).map(b"".join))


def is_ours(word: str) -> bool:
    return word == OURS


def taken_out(text: bytes) -> bytes:
    return without(text, includes(text, is_ours))


@given(TEXTS)
def test_removing_an_added_line_restores_every_byte(text: bytes) -> None:
    text = taken_out(text)  # a removal also takes out a line that the user wrote
    added = add(text, INCLUDE)

    assert taken_out(added) == text
    assert len(added) - len(text) in (len(INCLUDE) + 1, len(INCLUDE) + 2)
    assert [line.number for line in includes(added, is_ours)] == [1]


@given(TEXTS)
def test_text_without_our_line_is_not_changed(text: bytes) -> None:
    assert without(text, includes(text, lambda word: False)) == text
    assert redirected(text, lambda word: False, "x") == text


@given(TEXTS)
def test_added_line_comes_first(text: bytes) -> None:
    first, *_ = parse(add(text, INCLUDE))

    assert first == Line(1, "include", (OURS,), block=False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"Include codecatalyst_config\n"),
        (b"# mine", b"Include codecatalyst_config\n# mine"),
        (b"Host a\n", b"Include codecatalyst_config\nHost a\n"),
        (b"\nHost a\r\n", b"Include codecatalyst_config\n\nHost a\r\n"),
        (b"Host a\r\n", b"Include codecatalyst_config\r\nHost a\r\n"),
        (b"\xef\xbb\xbfHost a", b"\xef\xbb\xbfInclude codecatalyst_config\nHost a"),
    ],
)
def test_added_line_has_the_newline_of_the_file(old: bytes, new: bytes) -> None:
    assert add(old, INCLUDE) == new


@pytest.mark.parametrize(
    ("raw", "keyword", "words"),
    [
        (b"Host a b", "host", ("a", "b")),
        (b"\t HOST\ta  b\t\r\n", "host", ("a", "b")),
        (b"Host=a", "host", ("a",)),
        (b"Host = a", "host", ("a",)),
        (b'host "a b" c', "host", ("a b", "c")),
        (b"host 'a b' c", "host", ("a b", "c")),
        (b'"Host" a', "host", ("a",)),
        (b'ho"ST" a', "host", ("a",)),
        (b"Host a # b", "host", ("a",)),
        (b"Host a#b", "host", ("a#b",)),
        (b'Include "~/a b"/c', "include", ("~/a b/c",)),
        (b'Include a"', "include", ("a",)),
        (b"Host caf\xe9", "host", ("caf\udce9",)),
        (b"Match", "match", ()),
    ],
)
def test_line_is_parsed_as_by_ssh(raw: bytes, keyword: str, words: tuple[str, ...]) -> None:
    assert list(parse(raw)) == [Line(1, keyword, words, block=False)]


@pytest.mark.parametrize(
    "raw", [b"", b"\n\r\n", b"# Host a", b"  # Host a\n", b"Host-a b", b'Host"a', b"\xff"]
)
def test_line_without_a_keyword_is_left_out(raw: bytes) -> None:
    assert list(parse(raw)) == []


def test_line_below_a_host_line_is_in_a_block() -> None:
    text = b"User x\nHost a\nInclude codecatalyst_config\nMatch all\nInclude codecatalyst_config\n"

    assert [(line.number, line.block) for line in includes(text, is_ours)] == [(3, True), (5, True)]


def test_only_words_without_wildcards_are_literal() -> None:
    text = b'Host a *.b !c "d e"\nMatch host f\nHost a ? g\n'
    found = [word for line in parse(text, ("host",)) for word in line.words]

    assert found == ["a", "*.b", "!c", "d e", "a", "?", "g"]
    assert [name for name in found if is_literal(name)] == ["a", "d e", "a", "g"]
    assert not is_literal("-oProxyCommand=x")


def test_redirection_changes_only_our_file() -> None:
    text = b"# a\r\nInclude  first codecatalyst_config  'la st'\r\nInclude codecatalyst_config"

    assert redirected(text, is_ours, '"/a b"') == (
        b'# a\r\nInclude "first" "/a b" "la st"\nInclude "/a b"\n'
    )


def test_parsing_a_long_line_takes_linear_time() -> None:
    for piece in (b" ", b'"', b"\\", b"a ", b"'x' ", b"=", b"\r"):
        text = b"Host " + piece * (300_000 // len(piece)) + b"\nInclude codecatalyst_config"
        began = time.perf_counter()
        assert [line.number for line in includes(text, is_ours)] == [2]
        assert time.perf_counter() - began < 5  # some 0.1 s; quadratic would be hours
