"""The words of a copy."""

from __future__ import annotations

import pytest

from connector.copy.names import Place, place_of, wish_of
from connector.errors import ConfigError


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("file", Place(b"file")),
        ("./a:b", Place(b"./a:b")),
        ("/x/a:b", Place(b"/x/a:b")),
        (":x", Place(b":x")),
        ("env:", Place(b".", "env")),
        ("env:~", Place(b".", "env")),
        ("env:~/a", Place(b"a", "env")),
        ("env:/a b/c:d", Place(b"/a b/c:d", "env")),
        ("me@env:x", Place(b"x", "env", "me")),
        ("codecatalyst-dev-env=a=b=c:x", Place(b"x", "codecatalyst-dev-env=a=b=c")),
        ("\udcff", Place(b"\xff")),
        ("-", Place(b"-")),
    ],
)
def test_word_names_a_place(word: str, place: Place) -> None:
    assert place_of(word) == place


@pytest.mark.parametrize(
    ("word", "shown"),
    [("env:", "env:"), ("me@env:~", "me@env:"), ("env:~/a/", "env:a/"), (".", "."), ("-", "-")],
)
def test_place_is_shown_as_a_user_would_write_it(word: str, shown: str) -> None:
    assert str(place_of(word)) == shown


def test_direction_follows_from_the_end_at_the_target() -> None:
    down = wish_of(["env:a", "env:b", "dir"])
    assert (down.downloads, down.far.host, len(down.sources)) == (True, "env", 2)
    up = wish_of(["a", "b", "env:dir"])
    assert (up.downloads, up.far.host, len(up.sources)) == (False, "env", 2)
    assert wish_of(["-", "env:x"]).sources[0].is_stream
    assert wish_of(["env:x", "-"]).target.is_stream


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["a", "b"], "'a' and 'b' are both on this machine"),
        (["env:a", "other:b"], "Both ends of the copy are targets"),
        (["env:a", "b", "c"], "not all in the same place"),
        (["env:a", "other:b", "c"], "not all in the same place"),
        (["-", "a", "env:c"], "`-` does not go with several sources"),
    ],
)
def test_impossible_copy_is_refused(words: list[str], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        wish_of(words)


def test_place_is_shown_as_the_user_wrote_it() -> None:
    for word in ("me@env:/a", "file", "env:x"):
        assert str(place_of(word)) == word
