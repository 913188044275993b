"""``connector config show``, and what a bad setting does to a command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.settings.table import SETTINGS, settings_path

from .running import run

Write = Callable[[str], Path]


@pytest.fixture
def write(home: Path) -> Write:
    """Writes the file of settings; returns its path."""

    def write(content: str) -> Path:
        path = Path(settings_path(os.environ))
        path.parent.mkdir(parents=True)
        path.write_text(content)
        return path

    return write


def shown(*options: str, **environ: str) -> dict[str, tuple[str, str]]:
    """Each setting's value and origin, as a person reads them."""
    done = run("config", "show", *options, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.split("\n\n")[0].splitlines()
    rows = [line.split(maxsplit=2) for line in lines]
    return {name: (value, origin) for name, value, origin in rows}


@pytest.fixture
def profile(home: Path) -> None:
    """A profile ``mine`` of the AWS configuration."""
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[profile mine]\n")


@pytest.mark.usefixtures("profile")
def test_every_setting_is_shown_with_where_it_comes_from(write: Write) -> None:
    path = write("# mine\nspace = 'Filed'\nwait = 30\nping-interval = 30\nprofile = 'filed'\n")
    rows = shown(
        *("--ping-interval", "5", "--no-start"),
        CONNECTOR_WAIT="20",
        PROJECT_NAME="Toolkits",
        AWS_DEFAULT_PROFILE="mine",
    )

    assert list(rows) == list(SETTINGS)
    assert rows["space"] == ("Filed", f"{path}, line 2")
    assert rows["project"] == ("Toolkits", "variable PROJECT_NAME")
    assert rows["id"] == ("-", "not set")
    assert rows["profile"] == ("mine", "variable AWS_DEFAULT_PROFILE")
    assert rows["start"] == ("false", "option --no-start")
    assert rows["wait"] == ("20", "variable CONNECTOR_WAIT")
    assert rows["ping-interval"] == ("5", "option --ping-interval")
    assert rows["payload-size"] == ("1024", "default")


def test_programs_get_json(write: Write) -> None:
    path = write("start = false\n")
    done = run("config", "show", "--json", "--wait", "9", CONNECTOR_LOG_FILE="/tmp/log")
    document = json.loads(done.stdout)
    sources = {row["name"]: (row["value"], row["source"]) for row in document["settings"]}

    assert (document["file"], document["exists"]) == (str(path), True)
    assert list(sources) == list(SETTINGS)
    assert sources["start"] == (False, {"kind": "file", "file": str(path), "line": 1})
    assert sources["wait"] == (9, {"kind": "option", "option": "--wait"})
    assert sources["log-file"] == (
        "/tmp/log",
        {"kind": "variable", "variable": "CONNECTOR_LOG_FILE"},
    )
    assert sources["space"] == (None, {"kind": "default"})


@pytest.mark.usefixtures("profile")
def test_profile_that_does_not_exist_is_said(home: Path) -> None:
    for words in (("--profile", "other"), ("--json", "--profile", "other")):
        done = run("config", "show", *words)

        assert done.returncode == 0
        assert f"The profile other does not exist in {home}/.aws/config" in done.stderr
    assert run("config", "show", "--profile", "mine").stderr == ""
    assert run("config", "show").stderr == ""


def test_where_the_file_would_be_is_said(home: Path) -> None:
    done = run("config", "show")

    assert f"file: {settings_path(os.environ)} (does not exist)" in done.stdout


@pytest.mark.parametrize(
    "command", [("proxy", "x"), ("login",), ("emulator",), ("config", "show"), ("start",)]
)
def test_a_broken_file_stops_every_command_at_once(write: Write, command: tuple[str, ...]) -> None:
    path = write("wait = 600\nwiat = 5\n")
    done = run(*command)

    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == (
        f"connector: The settings file {path}, line 2: there is no setting 'wiat'. "
        "Did you mean wait?\n"
    )


def test_help_does_not_ask_for_a_file_that_works(write: Write) -> None:
    write("nonsense")

    assert run("start", "--help").returncode == 0


def test_a_variable_that_is_wrong_is_a_configuration_error() -> None:
    done = run("start", CONNECTOR_WAIT="soon")

    assert (done.returncode, done.stdout) == (78, "")
    assert (
        done.stderr == "connector: CONNECTOR_WAIT: 'soon' is no number of seconds from 1 to 3600\n"
    )


def test_an_option_that_is_wrong_is_wrong_usage() -> None:
    done = run("start", "--wait", "soon")

    assert done.returncode == 2
    assert "argument --wait: 'soon' is no number of seconds from 1 to 3600" in done.stderr


def test_a_variable_that_an_option_replaces_is_not_judged() -> None:
    done = run("start", "--wait", "5", CONNECTOR_WAIT="soon")

    assert "No target is named" in done.stderr


def test_a_variable_of_another_command_is_not_judged(home: Path) -> None:
    done = run("logout", CONNECTOR_WAIT="soon")

    assert "CONNECTOR_WAIT" not in done.stderr


def test_the_file_may_name_the_log(write: Write, home: Path) -> None:
    write("log-file = '~/connector.log'\n")
    run("start")

    assert "No target is named" in (home / "connector.log").read_text()


def test_a_place_of_the_file_is_as_good_as_that_of_a_variable(write: Write) -> None:
    write("space = 'no space'\nid = '01234567-89ab-cdef-0123-456789abcdef'\n")
    done = run("start", PROJECT_NAME="Some.Project")

    assert "'no space' is not the name of a space" in done.stderr
