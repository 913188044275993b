"""What of a call of ``connector ssh`` is ours, and what is ssh's."""

from __future__ import annotations

import argparse

import pytest

from connector.cli import ssh
from connector.cli.settings import settle


@pytest.mark.parametrize(
    ("arguments", "words", "space", "verbose"),
    [
        (["e"], ["e"], None, 0),
        (["e", "-t", "top"], ["e", "-t", "top"], None, 0),
        (["e", "--", "-l"], ["e", "--", "-l"], None, 0),
        (["e", "-L", "80:h:80", "--", "ls"], ["e", "-L", "80:h:80", "--", "ls"], None, 0),
        (["e", "ls", "--", "-l"], ["e", "ls", "--", "-l"], None, 0),
        (
            ["--space", "S", "-v", "e", "-v", "ls", "--space", "T"],
            ["e", "-v", "ls", "--space", "T"],
            "S",
            1,
        ),
        (["--space=S", "e", "-h"], ["e", "-h"], "S", 0),
        (["e", ""], ["e", ""], None, 0),
    ],
)
def test_options_before_the_name_are_ours_and_all_after_it_is_sshs(
    arguments: list[str], words: list[str], space: str | None, verbose: int
) -> None:
    parser = argparse.ArgumentParser()
    ssh.configure(parser)
    options = parser.parse_args(arguments)
    settle(options)
    assert (options.words, options.space, options.verbose) == (words, space, verbose)


def test_a_name_there_has_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    ssh.configure(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["--space", "S"])
    assert "TARGET" in capsys.readouterr().err


def test_option_that_ssh_does_not_have_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    ssh.configure(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["e", "-v", "--space", "S"])
    assert "'--space' is not an option of ssh" in capsys.readouterr().err
