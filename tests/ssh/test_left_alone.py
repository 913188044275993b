"""Configurations that must not be changed, and properties of files that a change must keep."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.files import MAX_BYTES
from connector.programs import run_program
from connector.ssh.check import ANY_HOST

from ..endtoend.sshd import program
from .setups import Setup


def assert_left_alone(setup: Setup, reason: str) -> None:
    before = setup.files()
    with pytest.raises(ConfigError, match=reason) as caught:
        setup.set_up()
    assert (
        "left as it is" in str(caught.value) or "nothing" in str(caught.value) or "link" in reason
    )
    assert setup.files() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            b"Hots a\n",
            r"OpenSSH cannot read .*config \(.*Bad configuration option: hots\)",
        ),
        (b'Host "a\n', "OpenSSH cannot read"),
        (b"Match nonsense\n", "OpenSSH cannot read"),
        (b"Include\n", "OpenSSH cannot read"),
        (b"\xef\xbb\xbfHost a\n", "OpenSSH cannot read"),
        (b"\x89PNG\r\n\x1a\n", "OpenSSH cannot read"),
        ("Host a\n".encode("utf-16"), "contains NUL bytes"),
        (b"Host a\n\0", "contains NUL bytes"),
        (b"#" * MAX_BYTES + b"\n", "is larger than 8 MiB"),
    ],
)
def test_unreadable_file_is_left_alone(setup: Setup, text: bytes, reason: str) -> None:
    setup.config.write_bytes(text)
    assert_left_alone(setup, reason)


def test_irregular_file_is_left_alone(setup: Setup) -> None:
    setup.config.mkdir()
    assert_left_alone(setup, "is not a regular file")
    setup.config.rmdir()
    os.mkfifo(setup.config)
    assert_left_alone(setup, "is not a regular file")
    setup.config.unlink()
    setup.config.symlink_to(os.devnull)
    assert_left_alone(setup, "is not a regular file")


def test_file_in_place_of_the_directory_is_left_alone(setup: Setup) -> None:
    setup.directory.rmdir()
    setup.directory.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be read"):
        setup.set_up()
    assert setup.directory.read_text() == "a file"


def test_broken_links_are_left_alone(setup: Setup) -> None:
    setup.config.symlink_to("nowhere")
    assert_left_alone(setup, "is a symbolic link to nowhere, which does not exist")
    setup.config.unlink()
    setup.config.symlink_to("config")
    assert_left_alone(setup, "cannot be read")


def test_foreign_file_with_our_name_is_left_alone(setup: Setup) -> None:
    setup.ours.write_text("Host mine\n")
    assert_left_alone(setup, "was not written by the connector")
    with pytest.raises(ConfigError, match="was not written by the connector"):
        setup.remove()
    assert setup.ours.read_text() == "Host mine\n"


def test_file_with_permissions_that_ssh_rejects_is_left_alone(setup: Setup, tmp_path: Path) -> None:
    """ssh checks permissions only of its default file, not of the file of -F."""
    refusing = tmp_path / "ssh"
    refusing.write_text(
        f'#!/bin/sh\ncase $3 in -F) exec {program("ssh")} "$@";; esac\n'
        "echo 'Bad owner or permissions on /home/me/.ssh/config' >&2; exit 255\n"
    )
    refusing.chmod(0o700)
    setup.config.write_bytes(b"Host a\n")
    setup.client = type(setup.client)(str(refusing), run_program)
    setup.set_up()
    setup.remove()
    home = Path("/home/me")
    setup.places = type(setup.places)(setup.config, setup.ours, True, home, home)

    assert_left_alone(setup, r"\(Bad owner or permissions on /home/me/.ssh/config\)")


def test_change_that_affects_another_host_is_refused(setup: Setup) -> None:
    """Our file never does that, so the test adds a line to the candidate."""
    setup.config.write_bytes(b"Host a\n  User x\n")
    ask = setup.client.ask

    class Changing(type(setup.client)):  # type: ignore[misc]
        def ask(self, config: Path, host: str, timeout: float = 10, **more: bool) -> object:
            if host == ANY_HOST and config != setup.config:
                config.write_bytes(b"User y\n" + config.read_bytes())
            return ask(config, host, timeout, **more)

    setup.client = Changing(program("ssh"), run_program)
    assert_left_alone(setup, f"would change the settings of {ANY_HOST}$")


def test_host_with_changing_settings_does_not_prevent_a_setup(setup: Setup) -> None:
    counter = setup.directory.parent / "counter"
    script = f"echo >> {counter}.%h; test $(( $(wc -l < {counter}.%h) %% 2 )) = 0"
    setup.config.write_text(f'Match exec "{script}"\n  User x\nHost a\n  Port 9\n')
    assert setup.ask("a").settings != setup.ask("a").settings
    setup.set_up()

    setup.assert_works()


def test_comparison_stops_when_time_runs_out(setup: Setup) -> None:
    hosts = [f"h{number}" for number in range(9)]
    setup.config.write_text(f"Host {' '.join(hosts)}\n")
    difference = setup.client.compare(setup.config, setup.config, hosts, seconds=0.0)

    assert (difference.hosts, difference.compared) == ((), 0)
    assert setup.client.compare(setup.config, setup.config, hosts).compared == 9


# Links, modes, owners


def test_symbolic_link_stays_and_its_target_changes(setup: Setup) -> None:
    real = setup.directory.parent / "dotfiles"
    real.mkdir()
    (real / "ssh config").write_bytes(b"Host a\r\n")
    setup.config.symlink_to("../dotfiles/ssh config")
    setup.set_up()

    assert setup.config.is_symlink()
    assert (real / "ssh config").read_bytes() == setup.include + b"\r\nHost a\r\n"
    assert [path.name for path in real.iterdir()] == ["ssh config"]
    setup.assert_works()
    setup.remove()
    assert setup.config.is_symlink()
    assert (real / "ssh config").read_bytes() == b"Host a\r\n"


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o644])
def test_mode_is_kept(setup: Setup, mode: int) -> None:
    setup.config.write_bytes(b"Host a\n")
    setup.config.chmod(mode)
    setup.set_up()
    assert setup.config.stat().st_mode & 0o777 == mode
    setup.remove()
    assert setup.config.stat().st_mode & 0o777 == mode


def test_owner_is_kept(setup: Setup) -> None:
    """Root can change the owner of a file. Other users can change its group to one of theirs."""
    me, mine = os.geteuid(), os.getegid()
    owner = (65534, 65534) if me == 0 else (me, next(iter({*os.getgroups()} - {mine}), mine))
    setup.config.write_bytes(b"Host a\n")
    os.chown(setup.config, *owner)
    setup.set_up()

    status = setup.config.stat()
    assert (status.st_uid, status.st_gid) == owner


# Files that change in between


def test_file_that_changed_after_it_was_read_is_left_alone(setup: Setup) -> None:
    setup.config.write_bytes(b"Host a\n")
    plan = setup.plan()
    setup.config.write_bytes(b"Host b\n")

    with pytest.raises(ConfigError, match="was changed by another program"):
        plan.make()
    assert {name: entry[3] for name, entry in setup.files().items()} == {"config": b"Host b\n"}


def test_file_that_appeared_in_between_is_left_alone(setup: Setup) -> None:
    plan = setup.plan()
    setup.ours.write_bytes(b"Host b\n")

    with pytest.raises(ConfigError, match="was changed by another program"):
        plan.make()
    assert {name: entry[3] for name, entry in setup.files().items()} == {
        "codecatalyst_config": b"Host b\n"
    }
