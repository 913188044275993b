"""Where the configuration is for ssh, and how our file is named in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.ssh.places import find_places, ssh_home

from ..endtoend.sshd import program

HOME = Path("/home/me")


def test_in_the_directory_of_ssh_our_file_is_named_by_its_name_alone() -> None:
    places = find_places(None, HOME)

    assert (places.config, places.ours) == (
        Path("/home/me/.ssh/config"),
        Path("/home/me/.ssh/codecatalyst_config"),
    )
    assert places.is_default
    assert places.include == "Include codecatalyst_config"


def test_such_a_name_is_for_ssh_one_in_the_home_that_the_system_knows(tmp_path: Path) -> None:
    """Whatever HOME says, and wherever the file is that has the line."""
    name = f"codecatalyst_{tmp_path.name}_of_nobody"
    (tmp_path / "config").write_text(f"Include {name}\n")
    done = subprocess.run(
        [program("ssh"), "-v", "-G", "-F", str(tmp_path / "config"), "host"],
        env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"~/.ssh/{name} matched no files" in done.stderr or f"{ssh_home()}/.ssh/{name}" in (
        done.stderr
    )


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
