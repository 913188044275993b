"""What ``make transcripts`` prints, by real programs on a real terminal."""

from __future__ import annotations

import pytest

from manual import transcripts
from manual.account import account_environ


def test_line_is_shown_as_it_stands_at_last() -> None:
    assert transcripts.last_state("10 %\r50 %\r100 %\r") == "100 %"
    assert transcripts.last_state("a\r\x1b[Kb\r\x1b[K") == "\x1b[Kb"
    assert transcripts.last_state("\r") == ""


def test_commands_run_in_a_home_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    if account_environ(tmp_path_factory.mktemp("home")) is None:
        pytest.skip("nss_wrapper is not installed")
    question = f"printf '{transcripts.QUESTION.decode()}'; read x; echo got $x"
    commands = (
        ("connector list --json > /dev/null && connector list | cat", b""),
        (question, b"y\n"),
        ("echo ~; tput cols", b""),
    )
    monkeypatch.setattr(transcripts, "COMMANDS", commands)

    assert transcripts.main() == 0
    listed, asked, shell = capsys.readouterr().out.split("    $ ")[1:]
    assert [line.split("\t")[:2] for line in listed.splitlines()[1:4]] == [
        ["    api.codecatalyst", "STOPPED"],
        ["    demo.codecatalyst", "RUNNING"],
        ["    Load-Test.codecatalyst", "STOPPED"],
    ]
    assert asked.splitlines()[1:3] == ["    [y/N] y", "    got y"]
    assert shell.splitlines()[1:3] == ["    /home/ada", "    100"]
