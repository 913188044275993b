"""How parsers become a page, on a parser of its own and on the real ones."""

from __future__ import annotations

import argparse

import pytest

from connector.cli.commands import COMMANDS
from connector.settings.table import SETTINGS
from manual import reference


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="connector paint", description="Paint it <so>.\n\n  as is"
    )
    parser.add_argument("wall", metavar="WALL", help="a wall")
    parser.add_argument("more", nargs="*", help="more of them")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--colour", choices=["red", "blue"], help="one | the other")
    which.add_argument("--plain", action="store_true", help="none")
    parser.add_argument("-c", "--coats", metavar="N", default=2, help="how many (%(default)s)")
    parser.add_argument("--hidden", help=argparse.SUPPRESS)
    return parser


def test_the_synopsis_has_what_may_be_left_out_in_brackets(
    parser: argparse.ArgumentParser,
) -> None:
    assert list(reference.synopsis(parser)) == [
        "(--colour {red,blue} | --plain)",
        "[--coats N]",
        "WALL",
        "[more ...]",
    ]


def test_each_argument_has_a_line_and_nothing_breaks_the_table(
    parser: argparse.ArgumentParser,
) -> None:
    page = list(reference._command(parser, "paint"))
    assert "| `--colour {red,blue}` | one \\| the other |" in page
    assert "| `-c N`, `--coats N` | how many (2) |" in page
    assert "Paint it \\<so\\>." in page
    assert "    as is" in page
    assert "hidden" not in "\n".join(page)


def test_a_long_synopsis_breaks_between_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "_WIDTH", 24)
    lines = list(reference._wrapped("connector a", iter(["[--bb C]", "[--dd E]", "F"])))
    assert lines == ["    connector a [--bb C]", "                [--dd E]", "                F"]


def test_every_setting_is_there_with_its_variables() -> None:
    page = reference.render()
    for setting in SETTINGS.values():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{setting.name}` |")]
        assert all(name in row for name in setting.variables)


def test_all_commands_and_their_actions_are_there() -> None:
    names = [parser.prog for parser, _ in reference.commands()]
    assert {f"connector {name}" for name in COMMANDS} <= set(names)
    assert "connector sessions stop" in names


def test_the_page_does_not_depend_on_the_readers_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = reference.render()
    monkeypatch.setenv("CONNECTOR_WAIT", "1234")
    monkeypatch.setenv("COLUMNS", "40")
    assert reference.render() == page
