"""What ssh is asked before a change. Each answer runs the user's ``Match exec`` commands."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from connector.errors import ConfigError
from connector.programs import Ran, run_program
from connector.ssh import hostlines
from connector.ssh.check import ANY_HOST, SshClient, listed_paths
from connector.ssh.hostlines import HostLines
from connector.ssh.plan import Part, Plan, plan_setup
from connector.targets.codecatalyst.kind import KIND

from ..endtoend.sshd import program
from ..endtoend.waiting import PATIENCE, alive, eventually
from ..forks import CONNECTOR, start
from .setups import CHOICES, WEB, Setup

#: A client that creates a certificate for each connection, as companies use it.
MINT = """\
{hosts}
Match host *.example.com exec "{mint} %h"
  ProxyCommand cloudflared access ssh --hostname %h
"""


class Counting:
    """Runs programs and keeps the last argument of each: the host that ssh is asked about."""

    def __init__(self) -> None:
        self.hosts: list[str] = []

    def __call__(self, command: Sequence[str], timeout: float) -> Ran:
        self.hosts.append(command[-1])
        return run_program(command, timeout)


@pytest.fixture
def counting(setup: Setup) -> Counting:
    counting = Counting()
    setup.client = SshClient(program("ssh"), counting)
    return counting


@pytest.fixture
def mint(setup: Setup) -> Path:
    """A command that records its runs."""
    path = setup.directory.parent / "mint"
    path.write_text(f'#!/bin/sh\necho "$1" >> {path}.log\n')
    path.chmod(0o700)
    return path


def runs(mint: Path) -> list[str]:
    log = mint.with_name("mint.log")
    return log.read_text().splitlines() if log.exists() else []


def lines(setup: Setup) -> HostLines:
    return HostLines(setup.config.read_bytes(), [setup.places])


def test_no_command_is_run_for_the_users_hosts(setup: Setup, mint: Path) -> None:
    hosts = "".join(f"Host vm{n}.example.com\n  User me{n}\n" for n in range(12))
    setup.config.write_text(MINT.format(hosts=hosts, mint=mint))
    setup.set_up()

    assert runs(mint) == []
    setup.ask("vm1.example.com")
    assert runs(mint) == ["vm1.example.com"]


def test_command_for_all_hosts_runs_a_few_times(setup: Setup, mint: Path) -> None:
    setup.config.write_text(f'Match exec "{mint} %h"\n  Port 9\n')
    setup.set_up()

    assert len(runs(mint)) == 6
    assert runs(mint).count(ANY_HOST) == 2  # before and after
    assert set(runs(mint)) > {WEB.name, "a.b.codecatalyst"}


@pytest.mark.parametrize("count", [10, 20_000])
def test_ssh_is_asked_about_few_hosts_of_many(setup: Setup, counting: Counting, count: int) -> None:
    setup.config.write_bytes(
        b"".join(b"Host h%d h%d.codecatalyst\n" % (n, n) for n in range(count))
    )
    plan = setup.set_up()

    assert len(counting.hosts) == 6
    assert len(plan.notes) <= 11  # ten hosts, and one line for all others
    setup.assert_works()


def test_host_that_looks_like_ours_is_compared(setup: Setup, counting: Counting) -> None:
    """It is not a name of a Dev Environment, so its settings must not change."""
    setup.config.write_text("Host aws-devenv-mine web.example.com codecatalyst-dev-envoy *.b\n")
    with pytest.raises(ConfigError, match="settings of codecatalyst-dev-envoy"):
        setup.set_up()

    assert counting.hosts.count("codecatalyst-dev-envoy") == 4  # each answer is confirmed
    assert not {"web.example.com", "aws-devenv-mine"} & set(counting.hosts)


class Slow(Counting):
    """An ssh that does not answer in time for one host once the Include line is there."""

    def __init__(self, config: Path, host: str) -> None:
        super().__init__()
        self._config = str(config)
        self._host = host

    def __call__(self, command: Sequence[str], timeout: float) -> Ran:
        if command[-1] == self._host and self._config not in command:
            raise TimeoutError
        return super().__call__(command, timeout)


def test_change_that_cannot_be_compared_is_refused(setup: Setup) -> None:
    setup.config.write_text("Host a\n  User x\n")
    before = setup.files()
    setup.client = SshClient(program("ssh"), Slow(setup.config, ANY_HOST))

    with pytest.raises(ConfigError, match=r"too long to show .* --unchecked"):
        setup.set_up()
    assert setup.files() == before


def test_hosts_that_are_not_compared_are_counted(setup: Setup) -> None:
    setup.config.write_text("Host codecatalyst-dev-envoy a\n")
    setup.client = SshClient(program("ssh"), Slow(setup.config, "codecatalyst-dev-envoy"))

    assert setup.set_up().notes[-1] == ("Checked only 0 of 1 other hosts: ssh is slow")


def unchecked(setup: Setup) -> Plan:
    plan = plan_setup([Part(KIND.ssh, setup.places, CHOICES, [WEB])], None)
    plan.make()
    return plan


def test_unchecked_change_works_without_ssh(setup: Setup, mint: Path) -> None:
    text = f'Match exec "{mint} %h"\n  User x\n'.encode()
    setup.config.write_bytes(text)
    unchecked(setup)
    assert runs(mint) == []
    assert setup.config.read_bytes() == setup.include + b"\n" + text
    setup.assert_works()

    assert not any(change.differs for change in unchecked(setup).changes)
    setup.config.write_bytes(text + setup.include + b"\n")  # where it would not work
    unchecked(setup)
    setup.assert_works()


# Files that include each other


def test_file_that_is_included_many_times_is_read_once(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file includes the next one twice, so ssh reads 1,024 files."""
    read = []

    def reading(path: Path) -> bytes:
        read.append(path.name)
        return path.read_bytes()

    monkeypatch.setattr(hostlines, "read_bytes", reading)
    directory = setup.directory.parent / "included"
    directory.mkdir()
    for number in range(10):
        next_one = directory / f"{number + 1}"
        text = f"Include {next_one} {next_one}\nHost aws-devenv-{number}\n"
        (directory / f"{number}").write_text(text)
    (directory / "10").write_text("Host last\n")
    setup.config.write_text(f"Include {directory}/0\n")
    setup.set_up()

    assert read == [f"{number}" for number in range(11)]
    assert lines(setup).patterns == (*(f"aws-devenv-{n}" for n in range(10)), "last")


def test_file_is_found_at_its_smallest_depth(setup: Setup) -> None:
    """It is included at the deepest level that ssh accepts, and by the user's file."""
    directory = setup.directory.parent / "included"
    directory.mkdir()
    for number in range(17):
        (directory / f"{number}").write_text(f"Include {directory}/{number + 1}\nHost h{number}\n")
    setup.config.write_text(f"Include {directory}/0\nInclude {directory}/15\n")

    assert "h16" in lines(setup).patterns


def test_files_that_include_each_other_are_read_once(setup: Setup) -> None:
    other = setup.directory.parent / "other"
    other.write_text(f"Include {other} {setup.config}\nHost b\n")
    setup.config.write_text(f"Include {setup.config} {other}\nHost a\n")

    assert lines(setup).patterns == ("a", "b")


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 5), ("MOST_BYTES", 20)])
def test_note_says_that_files_beyond_a_limit_are_not_read(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    directory = setup.directory.parent / "included"
    directory.mkdir()
    for number in range(9):
        (directory / f"{number}").write_text("Host a\n")
    setup.config.write_text(f"Include {directory}/*\n")
    assert not any("were not checked" in note for note in setup.plan().notes)

    monkeypatch.setattr(hostlines, limit, value)
    assert any("were not checked" in note for note in setup.plan().notes)


# Shared connections


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ControlMaster auto\nControlPath ~/.ssh/%C\nControlPersist 10m\n", True),
        ("Host *.codecatalyst\n  ControlPath ~/.ssh/%C\n  ControlPersist yes\n", True),
        ("Host *.example.com\n  ControlPath ~/.ssh/%C\n  ControlPersist yes\n", False),
        ("ControlPersist 10m\n", False),
        ("ControlMaster auto\nControlPath ~/.ssh/%C\n", False),
        ("", False),
    ],
)
def test_note_warns_of_control_persist_for_our_hosts(setup: Setup, text: str, said: bool) -> None:
    setup.config.write_text(text)

    for _ in range(2):  # the second run has nothing to change
        notes = setup.set_up().notes
        assert any(note.startswith("ControlPersist applies") for note in notes) is said


# Commands that hang


@pytest.fixture
def hanging(setup: Setup) -> Path:
    """Return the file in which a hanging command of the user writes its process id."""
    written = setup.directory.parent / "pid"
    script = f"echo $$ > {written}.new; mv {written}.new {written}; sleep 600; true"
    setup.config.write_text(f'Match exec "{script}"\n  User x\n')
    return written


def test_program_that_times_out_leaves_nothing_running(setup: Setup, hanging: Path) -> None:
    command = [program("ssh"), "-G", "-F", str(setup.config), "a"]
    for timeout in (1.0, 5.0, PATIENCE):
        with pytest.raises(TimeoutError):
            run_program(command, timeout)
        if hanging.exists():
            break
    eventually(lambda: not alive(int(hanging.read_text())), "the end of the command")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_config_ssh_leaves_nothing_behind(
    setup: Setup, hanging: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = setup.files()
    (tmp_path / "tmp").mkdir()
    process = start(
        [*CONNECTOR, "config-ssh", "--yes", "-F", str(setup.config)],
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    eventually(hanging.exists, "the user's command")
    process.send_signal(number)
    output, _ = process.communicate(timeout=PATIENCE)

    assert process.returncode == 130, output
    eventually(lambda: not alive(int(hanging.read_text())), "the end of the command")
    assert setup.files() == before
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("printed", "paths"),
    [
        ("none", []),
        ("/home/a/.ssh/known_hosts", ["/home/a/.ssh/known_hosts"]),
        ("/home/a b/k ~/.ssh/my hosts", ["/home/a b/k", "~/.ssh/my hosts"]),
        ("C:/Users/a b/k C:/other", ["C:/Users/a b/k", "C:/other"]),
    ],
)
def test_paths_with_blanks_are_told_apart(printed: str, paths: list[str]) -> None:
    assert listed_paths(printed) == paths
