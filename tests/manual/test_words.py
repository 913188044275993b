"""The check of words that `make lint` runs."""

from __future__ import annotations

import pytest

from manual.words import main, problems


@pytest.mark.parametrize(
    "line",
    [
        "The lock of whoever came first.",
        '"""Somebody who asks twice."""',
        "Who closes the terminal ends it.",
        "# Who calls this has the time.",
        "It is told: who waits gets it.",
        "an acknowledge of the message",
    ],
)
def test_unnamed_subject_is_found(line: str) -> None:
    assert [number for number, _, _ in problems(f"fine\n{line}\n")] == [2]


@pytest.mark.parametrize(
    "line",
    [
        "A user who logs in gets a token.",
        "the ack of the message; the agent acknowledges it",
        "`connector whoami` shows who you are.",
    ],
)
def test_plain_sentence_is_fine(line: str) -> None:
    assert list(problems(line)) == []


def test_house_has_no_problems(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().out
