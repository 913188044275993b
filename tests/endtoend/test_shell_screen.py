"""``connector shell`` as a user sees it: typed keys, the screen, and changes of size."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .sshd import program
from .tmux import PROMPT, Tmux


@pytest.fixture
def tmux(commands: Commands, cloud: Cloud) -> Iterator[Tmux]:
    """A terminal in which a shell of the Dev Environment runs."""
    with Tmux(commands) as tmux:
        enter(tmux, cloud)
        yield tmux


def enter(tmux: Tmux, cloud: Cloud) -> None:
    tmux.wait_for(PROMPT.strip())
    tmux.line(f"{' '.join(CONNECTOR)} shell {cloud.host}; echo gave $?")
    tmux.until(lambda screen: re.search(r"[#$]$", screen.rstrip()), "a prompt")
    tmux.wait_for("~")
    tmux.line("PS1='far> '; bind 'set enable-bracketed-paste off'; clear")
    tmux.until(lambda screen: screen.strip() == "far>", "a clear screen")  # not the line's echo


def left(tmux: Tmux, exit_code: int) -> None:
    """Check that the local shell runs again with a restored terminal."""
    tmux.wait_for(f"gave {exit_code}\n", "local$")
    cooked(tmux)


def cooked(tmux: Tmux) -> None:
    tmux.line("stty -a | tr ' ;' '\\n\\n' | egrep -x '(echo|icanon|isig|opost|icrnl)' | wc -l")
    tmux.wait_for("\n5\n")


def test_line_is_echoed_once_and_answered(tmux: Tmux) -> None:
    tmux.line("echo a$((40+2))b")
    screen = tmux.wait_for("a42b")
    assert screen.split("\n")[:2] == ["far> echo a$((40+2))b", "a42b"]
    tmux.line("exit")
    left(tmux, 0)


def test_window_has_the_local_size_and_follows_it(tmux: Tmux) -> None:
    tmux.line("stty size")
    tmux.wait_for("24 80")
    # The loop runs in its own process group: otherwise only the sleep would get the signal.
    script = 'trap "stty size" WINCH; echo a$((40+2))b; while :; do sleep 0.05; done'
    tmux.line(f"sh -c '{script}'")
    tmux.wait_for("a42b")
    for columns, rows in ((100, 30), (90, 20), (61, 17)):
        tmux.resize(columns, rows)
    tmux.wait_for("17 61")
    tmux.key("C-c")
    tmux.wait_for("^C")
    tmux.line("exit")
    left(tmux, 0)


def sleeper(tmux: Tmux, number: int) -> None:
    """Run a program at the far end. Keys typed before it starts would go to the shell."""
    tmux.line(f"sh -c 'echo runs $(({number}+0)); exec sleep 600'; echo gave $?")
    tmux.wait_for(f"\nruns {number}\n")


def test_keys_interrupt_the_far_program_only(tmux: Tmux) -> None:
    sleeper(tmux, 1)
    tmux.key("C-c")
    tmux.wait_for("\n^C\nfar>")
    sleeper(tmux, 2)
    tmux.key("C-\\")
    tmux.wait_for("gave 131")
    sleeper(tmux, 3)
    tmux.key("C-z")
    tmux.wait_for("Stopped", "gave 148")
    tmux.line("fg")
    tmux.until(lambda screen: screen.rstrip().endswith("600'"), "what fg brings back")
    tmux.key("C-c")
    tmux.until(lambda screen: screen.rstrip().endswith("^C\nfar>"), "the prompt")
    tmux.line("exit 7")
    left(tmux, 0)


def test_full_screen_program_works(tmux: Tmux) -> None:
    program("less")
    tmux.line("seq 500 | LESS= less")
    tmux.wait_for("1\n2\n3\n", "\n23\n:")
    tmux.key("G")
    tmux.wait_for("\n500\n", "(END)")
    tmux.key("g")
    tmux.wait_for("1\n2\n3\n", "\n23\n:")
    tmux.resize(60, 30)
    tmux.wait_for("\n23\n24\n", "\n29\n:")  # redrawn without a key
    tmux.key("q")
    tmux.wait_for("far>")
    tmux.line("exit")
    left(tmux, 0)


def test_colours_and_letters_of_all_scripts_arrive(tmux: Tmux) -> None:
    tmux.line("printf '\\033[31m%s\\033[0m\\n' r\u00f6t; echo \u20ac \u65e5\u672c | tr -d ' '")
    tmux.wait_for("\nr\u00f6t\n", "\n\u20ac\u65e5\u672c\n")
    tmux.line("exit")
    left(tmux, 0)


def test_tilde_dot_ends_the_shell(tmux: Tmux, cloud: Cloud) -> None:
    sleeper(tmux, 1)
    tmux.key("Enter")
    tmux.type("~.")
    tmux.wait_for("connector: Ended by ~.")
    left(tmux, 0)
    assert cloud.stops(cloud.session()) == 1


def test_tilde_question_mark_shows_help(tmux: Tmux) -> None:
    tmux.type("~?")
    screen = tmux.wait_for("connector:   ~.    end the session", "connector:   ~~    send one ~")
    assert screen.count("connector: ") == 5  # the screen wraps a long line
    tmux.line("~~.")
    tmux.line("echo \\~.")
    tmux.wait_for("\n~.\n")
    tmux.line("exit")
    left(tmux, 0)


def stopped(tmux: Tmux, times: int = 1) -> None:
    """Check that the local shell reports the stop and has the terminal."""
    tmux.until(lambda screen: screen.count("Stopped") == times, f"stop number {times}")
    tmux.until(lambda screen: screen.rstrip().endswith("local$"), "the local prompt")


def bring_back(tmux: Tmux) -> None:
    """Type ``fg`` and check that the local shell names what it resumes."""
    before = tmux.screen().count("connector shell")
    tmux.line("fg")
    tmux.until(lambda screen: screen.count("connector shell") == before + 1, "fg")


def test_shell_is_suspended_and_resumed(tmux: Tmux) -> None:
    tmux.key("Enter")
    tmux.type("~")
    tmux.key("C-z")
    stopped(tmux)
    cooked(tmux)
    tmux.resize(72, 40)
    bring_back(tmux)
    tmux.line("stty size")
    tmux.wait_for("\n40 72\n")
    tmux.line("exit")
    tmux.wait_for("logout", "local$")


def test_terminal_is_raw_again_after_an_external_stop(tmux: Tmux, commands: Commands) -> None:
    (pid,) = commands.connector_pids()
    for times, name in enumerate(("STOP", "TSTP"), 1):
        commands.run("kill", f"-{name}", str(pid))
        stopped(tmux, times)
        bring_back(tmux)
        tmux.line(f"echo a$((40+{times}))b")
        tmux.wait_for(f"\na4{times}b\n")
    tmux.line("exit")
    tmux.wait_for("logout", "local$")
