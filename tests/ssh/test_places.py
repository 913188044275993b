"""Which configuration ssh reads, and how its Include line names the connector's file."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import connector.ssh.places
from connector.errors import ConfigError
from connector.ssh.places import find_places, ssh_home, user_config
from connector.targets.codecatalyst.kind import KIND
from manual.account import account_home

from ..endtoend.sshd import program
from .setups import Setup

HOME = Path("/home/me")


def test_include_in_the_directory_of_ssh_has_the_name_only() -> None:
    places = find_places(KIND.ssh, None, HOME)

    assert (places.config, places.ours) == (
        Path("/home/me/.ssh/config"),
        Path("/home/me/.ssh/codecatalyst_config"),
    )
    assert places.is_default
    assert places.include == "Include codecatalyst_config"


def told(config: Path, home: Path | str, keyword: str) -> str:
    """Return a setting as ``ssh -G`` prints it, called with another HOME."""
    done = subprocess.run(
        [program("ssh"), "-G", "-F", str(config), "host"],
        env={"HOME": str(home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    pairs = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    return pairs[keyword]


def test_openssh_expands_include_by_home_and_other_settings_by_the_account(tmp_path: Path) -> None:
    """The two home directories that places.py describes."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/marked").write_text("User marked\n")
    config = tmp_path / "config"
    for word in ("marked", "~/.ssh/marked"):
        config.write_text(f"Include {word}\nUserKnownHostsFile ~/.ssh/kept\n")
        assert told(config, tmp_path, "user") == "marked"
        assert told(config, tmp_path, "userknownhostsfile") == f"{account_home()}/.ssh/kept"
        assert told(config, "", "user") != "marked"


def test_include_has_a_whole_path_if_home_differs(
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
        for line in (find_places(KIND.ssh, None).include, f"Include {user_config()}"):
            config.write_text(f"{line}\n")
            assert told(config, home, "user") == "account"
            assert (str(account) in line) is (home is other)


def test_relative_include_that_ssh_does_not_find_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account, other = tmp_path / "account", tmp_path / "other"
    for home in (account, other):
        (home / ".ssh").mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(connector.ssh.places, "ssh_home", lambda: account)
    setup = Setup(account / ".ssh")
    setup.config.write_text("Include codecatalyst_config\nHost a\n")

    monkeypatch.setenv("HOME", str(account))
    setup.places = find_places(KIND.ssh, str(setup.config))
    setup.set_up()
    assert setup.config.read_text() == "Include codecatalyst_config\nHost a\n"

    monkeypatch.setenv("HOME", str(other))
    setup.places = find_places(KIND.ssh, str(setup.config))
    setup.set_up()
    assert setup.config.read_text() == f"Include {setup.ours}\nHost a\n"
    setup.assert_works()

    setup.config.write_text("Include codecatalyst_config\nHost a\n")
    setup.remove()
    assert setup.config.read_text() == "Host a\n"


@pytest.mark.skipif("os.name == 'nt'")
def test_ssh_home_ignores_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    monkeypatch.setenv("HOME", "/elsewhere")

    assert ssh_home() == Path(pwd.getpwuid(os.getuid()).pw_dir)
    assert find_places(KIND.ssh, None).config == ssh_home() / ".ssh/config"


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
def test_include_elsewhere_has_a_whole_path(config: str, ours: str, include: str) -> None:
    places = find_places(KIND.ssh, config, HOME)

    assert places.ours == Path(ours)
    assert not places.is_default
    assert places.include == f"Include {include}"


def test_path_that_no_include_can_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be used in"):
        _ = find_places(KIND.ssh, "/x/[1]/config", HOME).include


def test_relative_path_starts_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/you")

    assert find_places(KIND.ssh, "my/config", HOME).config == tmp_path / "my/config"
    assert find_places(KIND.ssh, "~/config", HOME).config == Path("/home/you/config")
    assert find_places(KIND.ssh, "", HOME).config == tmp_path  # a directory, which is refused
    assert find_places(KIND.ssh, "/", HOME).config == Path("/")


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
def test_our_file_is_recognised_in_every_form(word: str, ours: bool) -> None:
    assert find_places(KIND.ssh, None, HOME).is_ours(word) is ours


def test_include_pattern_matches_existing_files(tmp_path: Path) -> None:
    (tmp_path / ".ssh/config.d").mkdir(parents=True)
    for name in ("b.conf", "a.conf", "c"):
        (tmp_path / ".ssh/config.d" / name).touch()
    places = find_places(KIND.ssh, None, tmp_path)

    found = [places.included(word) for word in ("config.d/*.conf", "~/.ssh/config.d/c", "none")]
    directory = tmp_path / ".ssh/config.d"
    assert found == [[directory / "a.conf", directory / "b.conf"], [directory / "c"], []]
