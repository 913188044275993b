"""``--help``: every command explains itself, and its examples are true."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli import config, parsers
from connector.cli.commands import COMMANDS
from connector.cli.main import main
from connector.cli.parsers import parse, parser_of
from connector.settings.file import SettingsFile
from connector.targets.model import Query
from connector.targets.registry import KINDS, KindRow

#: What ends a command in a shell.
_SEPARATORS = {"|", "&&", "||", ";", ">"}


def calls(epilog: str) -> list[list[str]]:
    """The words after ``connector`` of each call of it in a text of examples."""
    found = []
    for line in epilog.splitlines():
        # Two spaces or more divide a command from what is said of it.
        example = re.split(r"(?<=\S)\s{2,}", line.strip())[0]
        if not re.match(r"(\w+=\S+ |\w+=\"[^\"]*\" |ProxyCommand )*connector |ssh -o ", example):
            continue
        words = shlex.split(example, comments=True)
        nested = [word for word in words if word.startswith("ProxyCommand connector ")]
        words = shlex.split(nested[0]) if nested else words
        if "connector" not in words:
            continue
        words = words[words.index("connector") + 1 :]
        ends = [words.index(separator) for separator in _SEPARATORS if separator in words]
        found.append(words[: min(ends, default=len(words))])
    return found


def test_the_examples_are_found_in_what_people_write() -> None:
    text = """
      examples:
        connector start my-env          # as it is
        connector start my-env          without a mark
        A=1 B="$(./x y)" connector login | jq .
        ProxyCommand connector proxy %n
        ssh -o 'ProxyCommand connector proxy -vv %n' host
        run `connector login` first
    """
    words = ["start my-env", "start my-env", "login", "proxy %n", "proxy -vv %n"]
    assert calls(text) == [text.split() for text in words]


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_command_of_a_hint_is_accepted_with_all_options_of_a_kind(row: KindRow) -> None:
    values: dict[str, str] = {"uuid": "0" * 8, "port": "22", "text": "here", "region": "here"}
    options = tuple(
        (each.name, True if each.type == "flag" else (*each.choices, values.get(each.type, ""))[0])
        for each in row.options
    )
    query = Query(f"web{row.suffixes[0]}", options, "work", "https://example.test")

    for words in ("start", "stop", "sessions list", "shell", "exec", "ssh"):
        command, *rest = shlex.split(row.command(query, *words.split()))[1:]
        read = parse(command, [*rest, "--", "true"] if command == "exec" else rest)

        name = read.words[0] if command == "ssh" else read.host
        accepted = (name, read.profile, read.endpoint_url)
        assert accepted == (query.name, "work", "https://example.test"), words


def test_every_command_says_what_it_does_and_gives_examples() -> None:
    for command in COMMANDS:
        parser = parser_of(command)

        assert parser.description, command
        assert "example" in (parser.epilog or ""), command
        assert len(calls(parser.epilog or "")) >= 2, command


def test_examples_are_what_the_command_takes() -> None:
    for command in ("", *COMMANDS):
        epilog = (parser_of(command).epilog if command else parsers.EPILOG) or ""
        for name, *words in calls(epilog):
            assert not command or name == command
            parse(name, words)  # or it exits


def test_the_example_of_a_file_of_settings_is_one(tmp_path: Path) -> None:
    _, example = config.EPILOG.split("config.toml:\n")
    path = tmp_path / "config.toml"
    path.write_text(example)

    SettingsFile(path)
    assert example.count("=") == 3


def test_examples_fit_a_terminal_that_is_not_small() -> None:
    lines = [
        (command, line)
        for command in COMMANDS
        for line in parser_of(command).format_help().splitlines()
    ]
    assert [(command, line) for command, line in lines if len(line) > 100] == []


def test_every_command_has_its_place_in_the_overview() -> None:
    placed = [name for names in parsers.GROUPS.values() for name in names]

    assert set(COMMANDS) == set(placed)
    assert len(placed) == len(set(placed))


def test_whoever_types_no_command_is_shown_which_there_are() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert all(f"\n    {command}" in done.stderr for command in COMMANDS)


def test_a_command_that_is_mistyped_is_guessed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["strat", "my-env"])

    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("no command 'strat'; did you mean start?\n")


@pytest.mark.parametrize("words", [["help"], ["help", "help"], ["--help"]])
def test_help_alone_is_the_overview(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)

    shown = capsys.readouterr()
    assert (caught.value.code, shown.err) == (0, "")
    assert all(f"\n    {command}" in shown.out for command in COMMANDS)


def test_help_of_a_command_is_what_the_command_says_itself(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for words in [*([command] for command in COMMANDS), ["sessions", "list"]]:
        shown = []
        for call in (["help", *words], [*words, "--help"]):
            with pytest.raises(SystemExit) as caught:
                main(call)
            assert caught.value.code == 0, call
            shown.append(capsys.readouterr().out)

        assert shown[0] == shown[1], words
        assert shown[0].startswith(f"usage: connector {' '.join(words)}")


def test_help_of_no_command_guesses_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["help", "strat"])

    assert caught.value.code == 2
    assert capsys.readouterr().err.endswith("no command or kind 'strat'; did you mean start?\n")
