"""Configurations that are left as they are, and what of those that are changed is kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.cli.processes import run_program
from connector.errors import ConfigError
from connector.files import MAX_BYTES
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
            r"OpenSSH itself does not read .*config \(.*Bad configuration option: hots\)",
        ),
        (b'Host "a\n', "OpenSSH itself does not read"),
        (b"Match nonsense\n", "OpenSSH itself does not read"),
        (b"Include\n", "OpenSSH itself does not read"),
        (b"\xef\xbb\xbfHost a\n", "OpenSSH itself does not read"),
        (b"\x89PNG\r\n\x1a\n", "OpenSSH itself does not read"),
        ("Host a\n".encode("utf-16"), "holds NUL bytes"),
        (b"Host a\n\0", "holds NUL bytes"),
        (b"#" * MAX_BYTES + b"\n", "is larger than 8 MiB"),
    ],
)
def test_a_file_that_ssh_or_we_do_not_read_is_left_alone(
    setup: Setup, text: bytes, reason: str
) -> None:
    setup.config.write_bytes(text)
    assert_left_alone(setup, reason)


def test_what_is_no_file_is_left_alone(setup: Setup) -> None:
    setup.config.mkdir()
    assert_left_alone(setup, "is not a regular file")
    setup.config.rmdir()
    os.mkfifo(setup.config)
    assert_left_alone(setup, "is not a regular file")
    setup.config.unlink()
    setup.config.symlink_to(os.devnull)
    assert_left_alone(setup, "is not a regular file")


def test_a_directory_that_is_none_is_left_alone(setup: Setup) -> None:
    setup.directory.rmdir()
    setup.directory.write_text("a file")
    with pytest.raises(ConfigError, match="cannot be read"):
        setup.set_up()
    assert setup.directory.read_text() == "a file"


def test_links_to_nowhere_are_left_alone(setup: Setup) -> None:
    setup.config.symlink_to("nowhere")
    assert_left_alone(setup, "is a symbolic link to nowhere, which is not there")
    setup.config.unlink()
    setup.config.symlink_to("config")
    assert_left_alone(setup, "cannot be read")


def test_a_file_of_our_name_that_is_not_ours_is_left_alone(setup: Setup) -> None:
    setup.ours.write_text("Host mine\n")
    assert_left_alone(setup, "is not of the connector")
    with pytest.raises(ConfigError, match="is not of the connector"):
        setup.remove()
    assert setup.ours.read_text() == "Host mine\n"


def test_a_file_that_others_may_write_to_is_left_alone_if_ssh_refuses_it(
    setup: Setup, tmp_path: Path
) -> None:
    """ssh looks at that only where it is not told which file to read."""
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


def test_no_host_of_the_users_is_changed_by_accident(setup: Setup) -> None:
    """What no included file of ours does: here another one does it in our name."""
    setup.config.write_bytes(b"Host a\n  User x\n")
    ask = setup.client.ask

    class Changing(type(setup.client)):  # type: ignore[misc]
        def ask(self, config: Path, host: str, timeout: float = 10, **more: bool) -> object:
            if host == ANY_HOST and config != setup.config:
                config.write_bytes(b"User y\n" + config.read_bytes())
            return ask(config, host, timeout, **more)

    setup.client = Changing(program("ssh"), run_program)
    assert_left_alone(setup, f"ssh would do something else for {ANY_HOST}$")


def test_a_host_that_changes_by_itself_hinders_nothing(setup: Setup) -> None:
    counter = setup.directory.parent / "counter"
    script = f"echo >> {counter}.%h; test $(( $(wc -l < {counter}.%h) %% 2 )) = 0"
    setup.config.write_text(f'Match exec "{script}"\n  User x\nHost a\n  Port 9\n')
    assert setup.ask("a").settings != setup.ask("a").settings
    setup.set_up()

    setup.assert_works()


def test_hosts_that_take_long_are_not_all_asked_for(setup: Setup) -> None:
    hosts = [f"h{number}" for number in range(40)]
    setup.config.write_text(f"Host {' '.join(hosts)}\n")
    difference = setup.client.compare(setup.config, setup.config, hosts, seconds=0.0)

    assert (difference.hosts, difference.compared) == ((), 0)
    assert setup.client.compare(setup.config, setup.config, hosts).compared == 40


# Links, modes, owners


def test_a_symbolic_link_stays_one_and_its_target_is_changed(setup: Setup) -> None:
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
def test_the_mode_is_kept(setup: Setup, mode: int) -> None:
    setup.config.write_bytes(b"Host a\n")
    setup.config.chmod(mode)
    setup.set_up()
    assert setup.config.stat().st_mode & 0o777 == mode
    setup.remove()
    assert setup.config.stat().st_mode & 0o777 == mode


def test_the_owner_is_kept(setup: Setup) -> None:
    """Only root can give a file to another; its owner to a group that they are in."""
    me, mine = os.geteuid(), os.getegid()
    owner = (65534, 65534) if me == 0 else (me, next(iter({*os.getgroups()} - {mine}), mine))
    setup.config.write_bytes(b"Host a\n")
    os.chown(setup.config, *owner)
    setup.set_up()

    status = setup.config.stat()
    assert (status.st_uid, status.st_gid) == owner


# Changes while we look


def test_a_file_that_is_changed_after_it_was_read_is_left_alone(setup: Setup) -> None:
    setup.config.write_bytes(b"Host a\n")
    plan = setup.plan()
    setup.config.write_bytes(b"Host b\n")

    with pytest.raises(ConfigError, match="has been changed meanwhile"):
        plan.make()
    assert {name: entry[3] for name, entry in setup.files().items()} == {"config": b"Host b\n"}


def test_a_file_that_appears_after_it_was_not_there_is_left_alone(setup: Setup) -> None:
    plan = setup.plan()
    setup.ours.write_bytes(b"Host b\n")

    with pytest.raises(ConfigError, match="has been changed meanwhile"):
        plan.make()
    assert {name: entry[3] for name, entry in setup.files().items()} == {
        "codecatalyst_config": b"Host b\n"
    }
