"""Completion, as real shells ask for it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.cli.commands import ALIASES, COMMANDS, HELP
from connector.targets.memory import cache_file

from .. import forks
from ..endtoend.sshd import program
from .shells import Shell

ID = "01234567-89ab-cdef-0123-456789abcdef"
NAMES = [
    ["MySpace", "My.Project", ID, "my-env"],
    ["MySpace", "My.Project", ID.replace("0", "a"), "my-other"],
    ["MySpace", "My.Project", ID.replace("0", "b"), ""],
]

shell_by_name = pytest.mark.parametrize("shell", ["bash", "zsh"], indirect=True)


@pytest.fixture(autouse=True)
def remembered(home: Path) -> None:
    """What earlier commands have left behind: two logins, one of which has listed."""
    write("names.json", {"one": {"time": 1, "names": NAMES}, "another": {"time": 1, "names": 7}})
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(
        "[default]\n[profile codecatalyst]\n[sso-session codecatalyst]\n"
    )
    (home / "letters").mkdir()
    (home / "letters/one.json").touch()


def write(name: str, content: object) -> None:
    path = Path(cache_file(os.environ, name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.fixture
def environ() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8"}


@pytest.fixture
def shell(
    request: pytest.FixtureRequest, tmp_path: Path, home: Path, environ: dict[str, str]
) -> Iterator[Shell]:
    with Shell(request.param, tmp_path, environ) as shell:
        yield shell


def bash(environ: dict[str, str], *lines: str) -> list[list[str]]:
    """What bash's own function of the command gives for each line, as readline calls it."""
    script = """\
eval "$(connector completion bash)"
[[ $(complete -p connector) =~ -F\\ ([^ ]+) ]]
COMP_TYPE=9
for COMP_LINE; do
    COMP_POINT=${#COMP_LINE} COMPREPLY=()
    "${BASH_REMATCH[1]}" connector
    printf offers; printf '\\t%s' "${COMPREPLY[@]}"; echo
done
"""
    said = run([program("bash"), "--norc", "-c", script, "bash", *lines], environ)
    return [[word.strip() for word in line.split("\t")[1:]] for line in said]


def offered(environ: dict[str, str], directory: Path, line: str) -> list[str]:
    """What the command answers when the function of bash asks it to complete a line."""
    answer = directory / "offered"
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
        "COMP_TYPE": "9",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
    }
    environ = {name: value for name, value in environ.items() if name != "LC_ALL"}  # to fork
    done = forks.run(forks.CONNECTOR, env={**environ, **asked}, timeout=30)
    assert (done.returncode, done.stderr) == (0, b"")
    return [word.strip() for word in answer.read_text().split("\v") if word]


def fish(line: str, environ: dict[str, str]) -> dict[str, str]:
    """What fish would offer for a line, and what it says of each."""
    script = f"connector completion fish | source; complete --do-complete={shlex.quote(line)}"
    lines = run([program("fish"), "--no-config", "-c", script], environ)
    return dict(line.partition("\t")[::2] for line in lines)


def run(command: list[str], environ: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == ""
    return [line.rstrip() for line in done.stdout.splitlines() if line]


@shell_by_name
def test_tab_completes_commands_options_and_names(shell: Shell, home: Path) -> None:
    for typed, completed in {
        "connector whoa": "connector whoami ",
        "connector start --wa": "connector start --wait ",
        "connector sessions sto": "connector sessions stop ",
        "connector start my-e": "connector start my-env.codecatalyst ",
        "connector start my-": "connector start my-",
        "connector start --profile cod": "connector start --profile codecatalyst ",
        "connector start --profile=cod": "connector start --profile=codecatalyst ",
        f"connector attach --session-file {home}/let": (
            f"connector attach --session-file {home}/letters/"
        ),
        "connector start --wait 1": "connector start --wait 1",
        "cd / && connector start my-o": "cd / && connector start my-other.codecatalyst ",
    }.items():
        assert shell.completed(typed) == completed


@shell_by_name
def test_tab_completes_the_names_of_aws(shell: Shell) -> None:
    """Their ``=`` divides words in bash, but not for us."""
    write("names.json", {})
    write("gateways.json", {f"MySpace/My.Project/{ID}": "x", "junk": 1, "a/b/c/d": 2})
    host = f"codecatalyst-dev-env=MySpace=My.Project={ID}"

    assert shell.completed("connector start codeca").rstrip() == f"connector start {host}"
    assert shell.completed(f"connector start {host[:-30]}").rstrip() == f"connector start {host}"


def test_zsh_says_what_each_word_means(tmp_path: Path, environ: dict[str, str]) -> None:
    with Shell("zsh", tmp_path, environ) as shell:
        shell.completed("connector st")
        shell.reader.until(b"start  -- start a target")


def test_bash_lists_what_there_is(environ: dict[str, str]) -> None:
    names = [f"{name}.codecatalyst" for name in ("my-env", "my-other", "b1234567")]
    offers = {
        "connector start ": names,
        "connector sessions ": ["list", "stop"],
        "connector help sess": ["sessions"],
        "connector completion ": ["bash", "zsh", "fish"],
        "connector start --wait ": [],
        "connector start --project ": ["My.Project"],
        "connector start --space My": ["MySpace"],
    }
    commands, options, *others = bash(environ, "connector ", "connector proxy --", *offers)
    assert set(commands) == {*COMMANDS, *ALIASES, "help"}
    assert "--payload-size" in options
    assert others == list(offers.values())


def test_fish_lists_what_there_is_and_says_what_it_means(environ: dict[str, str]) -> None:
    aliases = {alias: COMMANDS[name] for alias, name in ALIASES.items()}
    assert fish("connector ", environ) == {**COMMANDS, **aliases, "help": HELP}
    assert fish("connector start my", environ) == {
        "my-env.codecatalyst": "My.Project in MySpace",
        "my-other.codecatalyst": "My.Project in MySpace",
    }
    assert fish("connector sessions st", environ) == {"stop": "stop one session or all"}
    assert list(fish("true; connector start --profile c", environ)) == ["codecatalyst"]
    assert list(fish("connector start --wai", environ)) == ["--wait"]
    assert fish("connector start --wait ", environ) == {}


@pytest.mark.parametrize("content", ["", "[]", '{"a": {"time": "x"}}', '{"a": 1', "\xff"])
def test_a_damaged_memory_has_no_names(
    tmp_path: Path, environ: dict[str, str], content: str
) -> None:
    assert len(offered(environ, tmp_path, "connector start ")) == len(NAMES)
    Path(cache_file(os.environ, "names.json")).write_text(content, encoding="latin-1")

    assert offered(environ, tmp_path, "connector start ") == []


def test_names_that_no_service_gives_are_left_out(environ: dict[str, str]) -> None:
    """Nothing reaches the terminal, or a command line, that it would obey."""
    evil = [
        ["My$(id)", "My.Project", ID, ""],
        ["MySpace", "\x1b[2J", ID, "a"],
        ["a", "b", "c", "d"],
    ]
    write("names.json", {"one": {"time": 1, "names": [*evil, *NAMES]}})

    lines = ("connector start ", "connector list --space ", "connector list --project ")
    names, spaces, projects = bash(environ, *lines)
    assert len(names) == 3
    assert spaces == ["MySpace"]
    assert projects == ["My.Project"]


def test_a_broken_configuration_is_no_obstacle(home: Path, environ: dict[str, str]) -> None:
    (home / ".aws/config").write_text("nonsense")
    (home / ".config/connector").mkdir(parents=True)
    (home / ".config/connector/config.toml").write_text("nonsense")

    profiles, names = bash(environ, "connector start --profile ", "connector start ")
    assert profiles == []
    assert "my-env.codecatalyst" in names


def test_the_options_of_every_command_are_completed(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    without = [
        command
        for command in (*COMMANDS, *ALIASES)
        if "--help" not in offered(environ, tmp_path, f"connector {command} --h")
    ]
    assert without == []


def test_completion_needs_neither_the_network_nor_much_else(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "connector"],
        env={
            **environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": os.devnull,
            "COMP_LINE": "connector start my",
            "COMP_POINT": "18",
        },
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}

    assert {"argcomplete", "connector.targets.codecatalyst.remembered"} <= modules
    costly = modules & {"ssl", "socket", "websockets", "botocore", "http.client", "asyncio"}
    assert not costly, f"completion imports {costly}: import it inside the function that needs it"
