"""The command line itself: help, usage, exit codes and what errors print."""

from __future__ import annotations

import errno
import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from connector import errors
from connector.cli import boundary
from connector.cli.commands import COMMANDS
from connector.cli.interactive import SIGNALS
from connector.cli.main import main
from connector.cli.output.lines import say
from connector.errors import ConnectorError

from .running import run

EXIT_CODES = Path(__file__).parents[2] / "docs" / "exit-codes.md"


def subclasses(base: type[ConnectorError]) -> set[type[ConnectorError]]:
    return {base}.union(*(subclasses(child) for child in base.__subclasses__()))


def test_every_exit_code_is_documented() -> None:
    documented = {
        int(number)
        for row in re.findall(r"^\| ([0-9, ]+) \|", EXIT_CODES.read_text(), re.MULTILINE)
        for number in row.split(",")
    }
    used = {kind.exit_code for kind in subclasses(ConnectorError)}

    assert used | {0, 1, 2, *SIGNALS.values(), boundary.INTERRUPTED} == documented


def test_an_error_is_one_line_with_its_hint() -> None:
    error = errors.ConfigError("the name\n is  wrong", "Mend it")

    assert str(error) == "The name is wrong. Mend it"


def test_the_overview_names_every_command() -> None:
    done = run("--help")

    assert all(f"\n    {command}" in done.stdout for command in COMMANDS)


def test_the_version_is_the_packages() -> None:
    version = importlib.metadata.version("devenv-connector")
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert run("--version").stdout == f"connector {version}\n"
    assert run("--vers").stdout == f"connector {version}\n"  # by argparse


def test_the_version_imports_nothing_of_the_command_line() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "connector", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "connector.__main__" in done.stderr or "runpy" in done.stderr
    assert done.stdout.startswith("connector ")
    assert "connector.cli" not in done.stderr


#: Runs a command that ends with or without a thread at work.
ENDING = """\
import atexit, sys, threading
from connector.cli import main as cli
class Value:
    def __del__(self):
        print("Python has cleaned up")
value = Value()
def run():
    atexit.register(print, "ended")
    if sys.argv[1] == "at-work":
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    return 69
cli.main = run
from connector.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("threads", "said"), [("at-work", "ended\n"), ("none", "ended\nPython has cleaned up\n")]
)
def test_nothing_is_cleaned_up_under_a_thread_at_work(threads: str, said: str) -> None:
    command = [sys.executable, "-c", ENDING, threads]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (69, said, "")


@pytest.mark.parametrize("words", [(), ("nonsense",), ("proxy", "a", "b"), ("proxy", "--not")])
def test_wrong_usage_exits_with_2_and_nothing_on_stdout(words: tuple[str, ...]) -> None:
    done = run(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: connector")


def test_a_bug_is_said_to_be_one_without_a_traceback(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def body() -> int:
        raise ZeroDivisionError("with a secret in it")

    assert boundary.guarded(body, say) == 70
    said = capfd.readouterr().err
    assert said.startswith("connector: Internal error (ZeroDivisionError)")
    assert said.count("\n") == 1
    assert "secret" not in said


def test_what_the_service_says_cannot_move_the_cursor(capfd: pytest.CaptureFixture[str]) -> None:
    say("one\x1b[2Jtwo\rthree\x00\u202e")

    assert capfd.readouterr().err == "connector: one [2Jtwo three  \n"


def test_a_stderr_that_nobody_reads_blocks_nobody() -> None:
    """Some IDEs never read what their ProxyCommand says."""
    reader, writer = os.pipe()
    script = (
        "from connector.cli.output.lines import say\nfor number in range(2000): say('x' * 100)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], stderr=writer, timeout=20, check=False)

    assert done.returncode == 0
    os.close(reader)
    os.close(writer)


def test_a_log_file_is_for_its_owner_and_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for _ in range(2):
        done = run("attach", "--log-file", str(path))
        assert done.returncode == 78

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text().count(" connector.said: There is no session to attach to") == 2


def test_a_log_file_that_cannot_be_opened_is_said_so(tmp_path: Path) -> None:
    done = run("attach", "--log-file", str(tmp_path / "missing" / "log"))

    assert done.returncode == 78
    assert "cannot be opened" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs a shell of POSIX")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_log_file_never_takes_the_place_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = f'exec {sys.executable} -m connector attach --log-file "$0" {closed}'
    done = subprocess.run(
        ["/bin/sh", "-c", command, str(log)], stdin=subprocess.DEVNULL, check=False
    )

    assert done.returncode == 78
    said = "There is no session" if closed == "2>&-" else "Stdin or stdout is closed"
    assert f" connector.said: {said}" in log.read_text()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "no more open files"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "no memory"),
        (MemoryError(), "no memory"),
        (RuntimeError("can't start new thread"), "no thread"),
    ],
)
def test_exhausted_resource_is_named_and_is_no_internal_error(
    error: Exception, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def body() -> int:
        raise ImportError("what was being done") from error

    assert boundary.guarded(body, say) == 71
    said = capfd.readouterr().err
    assert words in said
    assert said.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="ulimit is POSIX's")
def test_too_few_open_files_is_said_in_one_line(tmp_path: Path) -> None:
    command = f"ulimit -n 8; exec {sys.executable} -m connector proxy foo.codecatalyst"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Internal error" not in done.stderr
    assert done.returncode != 70
    assert done.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="connector cp does not run on Windows")
@pytest.mark.parametrize(
    ("sources", "why"),
    [(1, "cannot be used: there is no directory {}/none"), (2, "is not a directory")],
)
def test_destination_here_is_checked_before_a_target_is_looked_up(
    sources: int, why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Without a login, no name can be looked up.
    assert main(["cp", *["any:file"] * sources, f"{tmp_path}/none/file"]) == 78
    assert f"/none/file {why.format(tmp_path)}" in capfd.readouterr().err
