"""The file of settings: what it says, where, and what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.files import MAX_BYTES
from connector.settings.file import SettingsFile
from connector.settings.table import SETTINGS, Lookup, settings_path

DIGITS = "9" * 9000


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "config.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def complaint(path: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        SettingsFile(path)
    text = str(caught.value)
    assert text.isprintable()
    assert text.startswith(f"The settings file {path}")
    assert len(text) < 500
    return text.removeprefix(f"The settings file {path}")


def test_file_can_hold_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    content = """\
    # mine
    space = "MySpace"
    project = 'My.Project'
    id = "01234567-89ab-cdef-0123-456789abcdef"
    region = "eu-west-1"
    "profile" = "work"
    endpoint-url = "https://api.example"

    start = false
    wait = 1_200
    ping-interval = 7.5
    payload-size = 0x4000
    log-file = "~/connector.log"
    """
    file = SettingsFile(written(tmp_path, content))

    assert {name: file.get(setting) for name, setting in SETTINGS.items()} == {
        "space": "MySpace",
        "project": "My.Project",
        "id": "01234567-89ab-cdef-0123-456789abcdef",
        "region": "eu-west-1",
        "profile": "work",
        "endpoint-url": "https://api.example",
        "start": False,
        "wait": 1200.0,
        "ping-interval": 7.5,
        "payload-size": 16384,
        "log-file": str(tmp_path / "connector.log"),
    }
    assert [file.line(name) for name in SETTINGS] == [2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13]


def test_byte_order_mark_and_crlf_are_accepted(tmp_path: Path) -> None:
    file = SettingsFile(written(tmp_path, b"\xef\xbb\xbf\r\nwait = 30\r\n"))

    assert file.get(SETTINGS["wait"]) == 30
    assert file.line("wait") == 2


def test_line_within_a_string_is_no_setting(tmp_path: Path) -> None:
    file = SettingsFile(written(tmp_path, 'space = """\\\nwait = 1\\\n"""\nwait = 2\n'))

    assert file.line("wait") == 4


def test_escaped_key_has_no_line(tmp_path: Path) -> None:
    file = SettingsFile(written(tmp_path, '"w\\u0061it" = 30\n'))

    assert file.get(SETTINGS["wait"]) == 30
    assert file.line("wait") is None


def test_error_names_file_and_line(tmp_path: Path) -> None:
    cases: list[tuple[str | bytes, str]] = [
        ('\nwait = "600"', ", line 2: wait has to be a number, not a string"),
        ("wait = true", ", line 1: wait has to be a number, not true or false"),
        ("wait = 0", ", line 1: wait: '0' is no number of seconds from 1 to 3600"),
        ("wait = 3601", ", line 1: wait: '3601' is no number of seconds"),
        ("wait = nan", ", line 1: wait: 'nan' is no number of seconds"),
        ("wait = inf", ", line 1: wait: 'inf' is no number of seconds"),
        (f"wait = 0x{DIGITS}", "is no number of seconds"),
        (f"wait = {DIGITS}", " is not TOML: a number in it has too many digits"),
        ("payload-size = 1024.0", ", line 1: payload-size has to be a whole number, not a number"),
        ("payload-size = -1", ", line 1: payload-size: '-1' is no number of bytes"),
        ("payload-size = 65537", "is no number of bytes from 1 to 65536"),
        ("start = 1", ", line 1: start has to be true or false, not a number"),
        ("start = 'yes'", ", line 1: start has to be true or false, not a string"),
        ("space = 3", ", line 1: space has to be a string, not a number"),
        ("space = []", ", line 1: space has to be a string, not an array"),
        ("space = 2026-01-01", ", line 1: space has to be a string, not a date or a time"),
        ("space = ''", ", line 1: space has to be text of one line, not ''"),
        ('space = "a\\u0000b"', ", line 1: space has to be text of one line"),
        ("space.name = 'x'", ", line 1: space has to be a string, not a table"),
        ("log-file = 'here.log'", ", line 1: log-file has to be an absolute path"),
        ("waiit = 600", ", line 1: there is no setting 'waiit'. Did you mean wait?"),
        ("Payload_Size = 1", "no setting 'Payload_Size'. Did you mean payload-size?"),
        ("xyz = 1", "There are: space, project, id, region, profile,"),
        ("'a\\u001bb' = 1", "no setting 'a\\\\u001bb'"),
        ("\n[connector]\nwait = 1", ", line 2: there is no table 'connector'. Settings stand"),
        ("wait = 1\nwait = 2\n", " is not TOML: line 2, column"),
        ("wait 1", " is not TOML: line 1, column"),
        ("wait =", " is not TOML: at its end:"),
        ("a = " + "[" * 5000, " is not TOML: it is nested too deeply"),
        (b"space = '\xff'", " is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), " is larger than 8 MiB"),
    ]
    other = [
        (content[:80], said, complained)
        for content, said in cases
        if said not in (complained := complaint(written(tmp_path, content)))
    ]
    assert other == []


@pytest.mark.parametrize("key", ["token", "bearer-token", "AWS_SECRET", "password", "access_key"])
def test_secret_is_refused_and_not_quoted(tmp_path: Path, key: str) -> None:
    text = complaint(written(tmp_path, f"{key} = 'eyJhbGciOi'"))

    assert "not for secrets" in text
    assert "connector login" in text
    assert "eyJ" not in text


def test_malformed_value_is_not_quoted(tmp_path: Path) -> None:
    assert "eyJ" not in complaint(written(tmp_path, "token = eyJhbGciOi"))


def test_path_that_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.mkdir()
    assert complaint(path) == " is a directory"
    path.rmdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
        assert complaint(path) == " is no regular file"


def test_unreadable_file_is_reported(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    path = Path(settings_path(environ))
    path.parent.mkdir()
    path.symlink_to(path)  # which root cannot follow either
    said = f"The settings file {path} cannot be read (Too many levels of symbolic links)"
    assert complaint(path) == " cannot be read (Too many levels of symbolic links)"
    with pytest.raises(ConfigError) as caught:
        Lookup(environ)
    assert str(caught.value) == said


def lookup(tmp_path: Path, content: str, **variables: str) -> Lookup:
    environ = {"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path), **variables}
    path = Path(settings_path(environ))
    path.parent.mkdir(parents=True)
    path.write_text(content)
    return Lookup(environ)


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, ".config"),
        ("linux", {"XDG_CONFIG_HOME": "/x"}, "/x"),
        ("darwin", {"XDG_CONFIG_HOME": "/x"}, "Library/Application Support"),
        ("win32", {"APPDATA": "/roaming"}, "/roaming"),
    ],
)
def test_file_is_in_the_platforms_directory(
    monkeypatch: pytest.MonkeyPatch, platform: str, environ: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", "/home/me")

    assert settings_path(environ) == os.path.join("/home/me", expected, "connector", "config.toml")


def test_missing_file_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("missing", "file"):  # the latter is no directory
        found = Lookup({"XDG_CONFIG_HOME": str(tmp_path / place)}).find(SETTINGS["wait"])
        assert found == (600.0, None, None)


posix_place = pytest.mark.skipif(os.name != "posix", reason="the file is found by a variable")


@posix_place
def test_variable_overrides_file_and_file_overrides_default(tmp_path: Path) -> None:
    here = lookup(tmp_path, "wait = 30\nping-interval = 40\n", CONNECTOR_WAIT="20")

    assert here.find(SETTINGS["wait"]) == (20.0, "CONNECTOR_WAIT", None)
    of_file = here.find(SETTINGS["ping-interval"])
    assert of_file.value == 40.0
    assert of_file.file
    assert of_file.file.place("ping-interval") == f"{here.path}, line 2"
    assert here.find(SETTINGS["payload-size"]) == (1024, None, None)


@posix_place
def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    here = lookup(tmp_path, "wait = 30\nspace = 'Mine'\n", CONNECTOR_WAIT="", SPACE_NAME="")
    here.stand_in()

    assert here.find(SETTINGS["wait"]).value == 30
    assert here.find(SETTINGS["space"]) == ("Mine", "SPACE_NAME", None)


@pytest.mark.parametrize(
    ("variable", "text"),
    [("CONNECTOR_WAIT", "soon"), ("CONNECTOR_PAYLOAD_SIZE", "1e3"), ("CONNECTOR_START", "perhaps")],
)
def test_malformed_variable_is_named(tmp_path: Path, variable: str, text: str) -> None:
    here = Lookup({"XDG_CONFIG_HOME": str(tmp_path), variable: text})
    (setting,) = (one for one in SETTINGS.values() if variable in one.variables)

    with pytest.raises(ConfigError, match=f"^{variable}: '{text}' is no"):
        here.find(setting)


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("TRUE", True), ("yes", True), ("0", False), ("No", False)]
)
def test_flag_accepts_the_usual_words(text: str, value: bool) -> None:
    assert SETTINGS["start"].type.parse(text) is value


@posix_place
def test_file_sets_variables_of_others(tmp_path: Path) -> None:
    content = "space = 'Filed'\nproject = 'Filed'\nprofile = 'filed'\nwait = 5\n"
    environ = {
        "XDG_CONFIG_HOME": str(tmp_path),
        "SPACE_NAME": "Mine",
        "AWS_DEFAULT_PROFILE": "mine",
    }
    path = Path(settings_path(environ))
    path.parent.mkdir()
    path.write_text(content)
    before = dict(environ)

    Lookup(environ).stand_in()

    assert environ == {**before, "PROJECT_NAME": "Filed"}


def test_every_setting_has_its_own_variable() -> None:
    variables = [name for setting in SETTINGS.values() for name in setting.variables]

    assert len(set(variables)) == len(variables)
    assert all(setting.variables for setting in SETTINGS.values())
