"""Where the configuration is for ssh, and how our file is named in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import connector.ssh.places
from connector.errors import ConfigError
from connector.ssh.places import find_places, ssh_home, user_config

from ..endtoend.sshd import program
from .setups import Setup

HOME = Path("/home/me")


def test_in_the_directory_of_ssh_our_file_is_named_by_its_name_alone() -> None:
    places = find_places(None, HOME)

    assert (places.config, places.ours) == (
        Path("/home/me/.ssh/config"),
        Path("/home/me/.ssh/codecatalyst_config"),
    )
    assert places.is_default
    assert places.include == "Include codecatalyst_config"


def told(config: Path, home: Path | str, keyword: str) -> str:
    """What ``ssh -G`` says of a setting, called with another HOME than the account's."""
    done = subprocess.run(
        [program("ssh"), "-G", "-F", str(config), "host"],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    return pairs[keyword]


def test_openssh_finds_included_files_in_home_and_all_others_in_its_own(tmp_path: Path) -> None:
    """The two homes that places.py knows."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/marked").write_text("User marked\n")
    config = tmp_path / "config"
    for word in ("marked", "~/.ssh/marked"):
        config.write_text(f"Include {word}\nUserKnownHostsFile ~/.ssh/kept\n")
        assert told(config, tmp_path, "user") == "marked"
        assert told(config, tmp_path, "userknownhostsfile") == f"{ssh_home()}/.ssh/kept"
        assert told(config, "", "user") != "marked"


def test_with_another_home_the_line_and_what_connector_ssh_reads_are_whole_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, other = tmp_path / "account", tmp_path / "other"
    for home in (account, other):
        (home / ".ssh").mkdir(parents=True)
        (home / ".ssh/config").write_text(f"User {home.name}\n")
        (home / ".ssh/codecatalyst_config").write_text(f"User {home.name}\n")
    monkeypatch.setattr(connector.ssh.places, "ssh_home", lambda: account)
    config = tmp_path / "config"

    for home in (other, account):
        monkeypatch.setenv("HOME", str(home))
        for line in (find_places(None).include, f"Include {user_config()}"):
            config.write_text(f"{line}\n")
            assert told(config, home, "user") == "account"
            assert (str(account) in line) is (home is other)


def test_a_relative_line_that_ssh_does_not_find_is_ours_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, other = tmp_path / "account", tmp_path / "other"
    for home in (account, other):
        (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(connector.ssh.places, "ssh_home", lambda: account)
    setup = Setup(account / ".ssh")
    setup.config.write_text("Include codecatalyst_config\nHost a\n")

    monkeypatch.setenv("HOME", str(account))
    setup.places = find_places(str(setup.config))
    setup.set_up()
    assert setup.config.read_text() == "Include codecatalyst_config\nHost a\n"

    monkeypatch.setenv("HOME", str(other))
    setup.places = find_places(str(setup.config))
    setup.set_up()
    assert setup.config.read_text() == f"Include {setup.ours}\nHost a\n"
    setup.assert_works()

    setup.config.write_text("Include codecatalyst_config\nHost a\n")
    setup.remove()
    assert setup.config.read_text() == "Host a\n"


@pytest.mark.skipif("os.name == 'nt'")
def test_the_home_of_ssh_is_not_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    monkeypatch.setenv("HOME", "/elsewhere")

    assert ssh_home() == Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert find_places(None).config == ssh_home() / ".ssh/config"


@pytest.mark.parametrize(
    ("config", "ours", "include"),
    [
        ("/home/me/.ssh/code", "/home/me/.ssh/codecatalyst_code", "codecatalyst_code"),
        ("/home/me/.ssh/a b", "/home/me/.ssh/codecatalyst_a b", '"codecatalyst_a b"'),
        ("/etc/x/config", "/etc/x/codecatalyst_config", "/etc/x/codecatalyst_config"),
        ("/a b/config", "/a b/codecatalyst_config", '"/a b/codecatalyst_config"'),
        ("/x/../y/./config", "/y/codecatalyst_config", "/y/codecatalyst_config"),
    ],
)
def test_elsewhere_it_is_named_by_its_whole_path(config: str, ours: str, include: str) -> None:
    places = find_places(config, HOME)

    assert places.ours == Path(ours)
    assert not places.is_default
    assert places.include == f"Include {include}"


def test_a_path_that_no_include_can_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot stand in"):
        _ = find_places("/x/[1]/config", HOME).include


def test_a_path_is_of_the_directory_where_it_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/you")

    assert find_places("my/config", HOME).config == tmp_path / "my/config"
    assert find_places("~/config", HOME).config == Path("/home/you/config")
    assert find_places("", HOME).config == tmp_path  # a directory, which is refused
    assert find_places("/", HOME).config == Path("/")


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("codecatalyst_config", True),
        ("./codecatalyst_config", True),
        ("~/.ssh/codecatalyst_config", True),
        ("/home/me/.ssh/codecatalyst_config", True),
        ("/home/me//.ssh/x/../codecatalyst_config", True),
        ("codecatalyst_config.d", False),
        ("codecatalyst_*", False),
        ("~/codecatalyst_config", False),
        ("~me/.ssh/codecatalyst_config", False),
        ("~", False),
        ("", False),
    ],
)
def test_a_word_names_our_file_however_it_is_written(word: str, ours: bool) -> None:
    assert find_places(None, HOME).is_ours(word) is ours


def test_patterns_include_what_is_there(tmp_path: Path) -> None:
    (tmp_path / ".ssh/config.d").mkdir(parents=True)
    for name in ("b.conf", "a.conf", "c"):
        (tmp_path / ".ssh/config.d" / name).touch()
    places = find_places(None, tmp_path)

    found = [places.included(word) for word in ("config.d/*.conf", "~/.ssh/config.d/c", "none")]
    directory = tmp_path / ".ssh/config.d"
    assert found == [[directory / "a.conf", directory / "b.conf"], [directory / "c"], []]
