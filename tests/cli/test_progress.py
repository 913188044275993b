"""What is shown while a target starts, where stderr is no terminal."""

from __future__ import annotations

import pytest

from connector.cli.output.progress import WaitDisplay
from connector.sessions import Waiting


def shown(capfd: pytest.CaptureFixture[str], display: WaitDisplay, *waits: Waiting) -> list[str]:
    for waiting in waits:
        display.show(waiting)
    display.show(None)
    return capfd.readouterr().err.splitlines()


def test_each_state_has_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    waits = [
        Waiting(status, elapsed, None)
        for status, elapsed in (("STOPPED", 0), ("STOPPED", 1), ("STARTING", 1.7), ("STARTING", 9))
    ]
    assert shown(capfd, WaitDisplay("my-env", "A hint"), *waits) == [
        "connector: my-env is STOPPED; the start takes a few minutes. A hint",
        "connector: STARTING after 2 s",
    ]


def test_long_wait_has_a_line_every_ten_seconds(capfd: pytest.CaptureFixture[str]) -> None:
    """VS Code ends an ssh that prints nothing for 17 s."""
    waits = [Waiting("STARTING", elapsed, None) for elapsed in range(0, 35, 5)]
    assert shown(capfd, WaitDisplay("my-env"), *waits)[1:] == [
        f"connector: STARTING after {elapsed} s" for elapsed in (10, 20, 30)
    ]


def test_the_usual_duration_is_said_if_known(capfd: pytest.CaptureFixture[str]) -> None:
    assert shown(capfd, WaitDisplay(), Waiting("STARTING", 0, 94.6)) == [
        "connector: The target is STARTING; the start takes about 95 s"
    ]


def test_the_services_word_cannot_move_the_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    (line,) = shown(capfd, WaitDisplay(), Waiting("\x1b[2J\r\nODD", 0, None))
    assert line.isprintable()


PROGRAM = "the credential_process of the profile work"


def test_wait_for_a_program_is_told_apart_from_that_for_the_target(
    capfd: pytest.CaptureFixture[str],
) -> None:
    waits = [
        *(Waiting("running", elapsed, None, program=PROGRAM) for elapsed in (3, 9, 14)),
        Waiting("STOPPED", 0, None),
        Waiting("STARTING", 1, None),
    ]
    assert shown(capfd, WaitDisplay("my-env"), *waits) == [
        "connector: my-env is STOPPED; the start takes a few minutes",
        "connector: STARTING after 1 s",
    ]


def test_end_of_ssh_in_the_wait_for_a_program_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    display = WaitDisplay("my-env")
    display.show(Waiting("running", 14, None, program=PROGRAM))
    display.leave("connector start my-env")
    assert capfd.readouterr().err.splitlines()[-1] == (
        f"connector: ssh timed out after 14 s, but {PROGRAM} still runs. "
        "Set a longer ConnectTimeout"
    )
