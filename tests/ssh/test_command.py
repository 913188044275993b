"""The ProxyCommand as all its readers split it: sh, OpenSSH, Windows, programs without a shell."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from itertools import product
from pathlib import Path

import pytest

from connector.cli.itself import require_runs
from connector.errors import ConfigError
from connector.ssh.command import (
    is_temporary,
    profile_of,
    proxy_command,
    quoted_path,
)

from ..endtoend.sshd import program

DIRECTORIES = [
    "plain",
    "a b",
    "it's",
    "a;b",
    "a&(b)|c",
    "a#b",
    "# a",
    "a*b?[c]",
    "ä ö",
    "~a",
    "a~b",
]
PROFILES = [None, "codecatalyst", "my profile", "O'Brien", "a=b", "#1", "x;y"]
KEYS = "--known-hosts=~/.ssh/known_hosts_a"
HOST = "codecatalyst-dev-env=Space=My.Project=01234567-89ab-cdef-0123-456789abcdef"


def splitter(line: str, host: str) -> list[str]:
    """Split like an IDE without OpenSSH: blanks, double quotes, backslashes, one ``%n`` a word."""
    words, word, quoted, escaped, begun = list[str](), "", False, False, False
    for char in line:
        if escaped:
            word, escaped = word + char, False
        elif char == "\\":
            escaped = begun = True
        elif char == '"':
            quoted, begun = not quoted, True
        elif char == " " and not quoted:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + char, True
    if begun:
        words.append(word)
    return [word.replace("%n", host, 1) for word in words]


def windows(line: str, host: str) -> list[str]:
    """Split like a C program on Windows: a backslash only counts before a double quote."""
    words, word, quoted = list[str](), "", False
    for piece in re.findall(r'\\*"|\\+|[ ]+|[^\\" ]+', line.replace("%n", host)):
        if piece.endswith('"'):
            slashes = len(piece) - 1
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
            else:
                quoted = not quoted
        elif piece.startswith(" ") and not quoted:
            words, word = [*words, word], ""
        else:
            word += piece
    return [*words, word]


def shell(line: str, host: str) -> list[str]:
    """Split like OpenSSH: ``exec`` in the user's shell."""
    text = line.replace("%n", host)
    done = subprocess.run(
        ["/bin/sh", "-c", f"exec printf '%s\\0' {text}"], capture_output=True, check=True, text=True
    )
    *words, end = done.stdout.split("\0")
    assert end == ""
    return words


READERS = [splitter, windows, pytest.param(shell, marks=pytest.mark.skipif("os.name == 'nt'"))]


@pytest.mark.parametrize("read", READERS)
def test_every_reader_finds_the_same_words(read: object) -> None:
    assert callable(read)
    for directory, profile in product(DIRECTORIES, PROFILES):
        line = proxy_command([f"/opt/{directory}/connector"], profile, [KEYS])
        option = [] if profile is None else ["--profile", profile]

        assert read(line, HOST) == [f"/opt/{directory}/connector", "proxy", *option, KEYS, HOST]
        assert profile_of(line) == profile


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_ssh_starts_the_command_with_its_exact_words(tmp_path: Path, directory: str) -> None:
    place = tmp_path / directory
    place.mkdir()
    script, seen, config = place / "connector", tmp_path / "seen", tmp_path / "config"
    script.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$0" "$@" > {shlex.quote(str(seen))}\n')
    script.chmod(0o700)
    line = proxy_command([str(script)], "my profile")
    config.write_text(f"Host *\n    ProxyCommand {line}\n", encoding="utf-8")
    done = subprocess.run(
        [program("ssh"), "-F", str(config), HOST],
        env={"SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        timeout=20,
        check=False,
    )

    assert done.returncode == 255  # the script is not an SSH server
    assert seen.read_text().splitlines() == [str(script), "proxy", "--profile", "my profile", HOST]


@pytest.mark.parametrize("char", [*'"$`\\%!', "\n", "\r", "\t", "\0", "\x7f", "\udce9"])
@pytest.mark.skipif("os.name == 'nt'")
def test_word_that_readers_interpret_differently_is_refused(char: str) -> None:
    with pytest.raises(
        ConfigError, match="which readers of ssh_config interpret differently"
    ) as caught:
        proxy_command([f"/opt/a{char}b/connector"], None)
    assert str(caught.value).isprintable()
    with pytest.raises(ConfigError):
        proxy_command(["/opt/connector"], f"a{char}b")
    with pytest.raises(ConfigError):
        quoted_path(Path(f"/a{char}b"))


def test_profile_that_looks_like_an_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="read as an option"):
        proxy_command(["/opt/connector"], "-x")


@pytest.mark.parametrize("char", "*?[],")
def test_path_that_is_a_pattern_is_refused(char: str) -> None:
    with pytest.raises(ConfigError, match="cannot be used in an Include line"):
        quoted_path(Path(f"/home/a{char}b/config"))


@pytest.mark.parametrize(
    "line", ["", "connector proxy %n", "/x --profile a b", "/x %n --profile a"]
)
def test_foreign_proxy_command_has_no_profile(line: str) -> None:
    assert profile_of(line) is None


@pytest.mark.parametrize("content", [None, "#!/nowhere/python\n", "#!/bin/sh\nexit 3\n"])
def test_connector_that_does_not_run_is_refused(tmp_path: Path, content: str | None) -> None:
    script = tmp_path / "connector"
    if content is not None:
        script.write_text(content)
        script.chmod(0o700)

    with pytest.raises(ConfigError, match=r"could not start the connector as .*connector \("):
        require_runs([str(script)])


@pytest.mark.parametrize(
    ("path", "temporary"),
    [
        ("/home/me/.local/bin/connector", False),
        ("/home/me/src/tmp/.venv/bin/connector", False),
        ("/home/me/.cache/uv/archive-v0/Xy/bin/connector", True),
        ("/home/me/.local/share/pipx/.cache/1234/bin/connector", True),
        ("/home/me/.cache/pipx/1234/bin/connector", True),
    ],
)
def test_directories_of_uvx_and_pipx_run_are_temporary(path: str, temporary: bool) -> None:
    assert is_temporary(path) is temporary


def test_program_in_the_temporary_directory_is_temporary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "link"))

    assert is_temporary(str(tmp_path / "venv/bin/connector"))
    assert not is_temporary(str(tmp_path.parent / "venv/bin/connector"))
