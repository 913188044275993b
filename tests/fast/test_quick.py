"""The quick parser against argparse: the same values, or no answer."""

from __future__ import annotations

import argparse
import contextlib
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.cli import proxy
from connector.fast.quick import QuickParser


def by_argparse(words: list[str]) -> dict[str, Any] | None:
    parser = argparse.ArgumentParser()
    proxy.configure(parser)
    with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
        try:
            return vars(parser.parse_args(words))
        except SystemExit:
            return None


def quickly(words: list[str]) -> dict[str, Any] | None:
    parser = QuickParser()
    proxy.configure(cast(argparse.ArgumentParser, parser))
    options = parser.parse(words)
    return None if options is None else vars(options)


OPTIONS = [
    *("--space", "--project", "--id", "--profile", "--endpoint-url", "--start", "--no-start"),
    *("--wait", "--ping-interval", "--payload-size", "-v", "--verbose", "--log-file"),
]
words = st.sampled_from(
    [*OPTIONS, "my-env", "", "-", "--", "5", "-5", "0", "1024", "x y", "-x y", "--prof", "-vv"]
)
glued = st.builds("{}={}".format, st.sampled_from(OPTIONS), st.sampled_from(["", "7", "a=b", "-"]))


@given(st.lists(words | glued, max_size=6))
def test_what_it_understands_it_understands_as_argparse_does(words: list[str]) -> None:
    quick, whole = quickly(words), by_argparse(words)
    if quick is not None:
        assert whole is not None
        assert quick == whole


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["my-env.codecatalyst"],
        ["--profile", "codecatalyst", "my-env.codecatalyst"],
        ["my-env", "--wait=30", "--no-start", "-v", "-v", "--payload-size", "4096"],
    ],
)
def test_what_ssh_calls_is_understood(words: list[str]) -> None:
    assert quickly(words) is not None


@pytest.mark.parametrize(
    "words",
    [
        *(["--help"], ["-vv"], ["--", "my-env"], ["--prof", "x"], ["--profile"], ["a", "b"]),
        *(["--wait", "never"], ["--no-start=1"], ["--profile", "-x"], ["--nothing"], ["-v=1"]),
    ],
)
def test_what_is_unusual_or_wrong_is_left_to_argparse(words: list[str]) -> None:
    assert quickly(words) is None


@pytest.mark.parametrize(
    "details",
    [
        {"nargs": "*"},
        {"action": "append"},
        {"choices": ("a", "b")},
        {"required": True},
        {"default": "5", "type": int},
    ],
)
def test_a_command_with_more_than_it_knows_is_left_to_argparse(details: dict[str, Any]) -> None:
    parser = QuickParser()
    parser.add_argument("--option", **details)
    assert parser.parse([]) is None


def test_of_several_positional_words_none_is_understood() -> None:
    parser = QuickParser()
    parser.add_argument("one", nargs="?")
    assert parser.parse(["word"]) == SimpleNamespace(one="word")
    parser.add_argument("two", nargs="?")
    assert parser.parse(["word"]) is None
