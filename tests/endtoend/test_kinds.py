"""Every kind of target passes through every command, by real programs, and by the library.

Each test runs for all kinds of the registry. What differs between kinds is in the registry, and in
:data:`FACTS`.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import connector
from connector.emulator.api.world import PlannedTarget
from connector.emulator.app import Emulator, EmulatorThread
from connector.targets.model import COMMAND, SHELL, SSH
from connector.targets.registry import KINDS, KindRow

from ..account import own_account
from ..forks import CONNECTOR, run, start
from .cloud import AGENT
from .ownprogram import own_program
from .secrecy import leaks
from .sshd import USER, Sshd, program
from .waiting import PATIENCE, eventually

ROWS = {row.name: row for row in KINDS}


@dataclass(frozen=True)
class Facts:
    """What differs between kinds.

    :ivar running: the state of a target that runs, in the words of its service.
    :ivar stopped: likewise of one that a stop has stopped; empty: there is no stop.
    :ivar restarts: whether a stopped target can be started again.
    :ivar listed: whether the kind can list its targets.
    :ivar gone: the exit code for a target that has stopped for good: 68 where it is unknown then.
    :ivar members: of a listed target's JSON, in their order.
    :ivar fields: of its line for programs.
    """

    running: str = "RUNNING"
    stopped: str = "STOPPED"
    restarts: bool = True
    listed: bool = True
    gone: int = 68
    members: str = ""
    fields: int = 0


#: The members of JSON that all kinds share which AWS's regional APIs serve, in their order.
SHARED = "sshName kind name region id state stateReason"

FACTS = {
    "codecatalyst": Facts(
        members="sshName kind alias space project id state stateReason instanceType "
        "inactivityTimeoutMinutes repositories creatorId lastUpdatedTime",
        fields=9,
    ),
    "codebuild": Facts(
        "RUN_SANDBOX", "STOPPED", restarts=False, members=f"{SHARED} requestTime image", fields=7
    ),
    "ec2": Facts(
        "running", "stopped", members=f"{SHARED} agent type address platform user", fields=9
    ),
    "ecs": Facts(
        stopped="",
        restarts=False,
        members=f"{SHARED} container service cluster task tasks launch runtime",
        fields=8,
    ),
    "sagemaker": Facts(
        "InService",
        "Stopped",
        members=f"{SHARED} domain domainId appType remoteAccess instanceType owner appCreationTime",
        fields=9,
    ),
    "ssm": Facts("not listed", stopped="", restarts=False, listed=False),
}


#: The kind whose commands all start as a user starts them, by the shell's search for a script.
REAL_STARTS = "codecatalyst"


class Site:
    """An emulated account with targets of one kind, and a user of it."""

    def __init__(self, row: KindRow, directory: Path, sshd: Sshd) -> None:
        self.row = row
        self.facts = FACTS[row.name]
        self.sshd = sshd
        self.home = directory / "home"
        machine = directory / "machine"
        for path in (machine, self.home, self.home / ".ssh"):
            path.mkdir(mode=0o700)
        self._emulator = Emulator(
            directory / "certificates",
            kinds=(row.name, *(name for name in ROWS if name != row.name)),
            port=sshd.port,
            agent=replace(AGENT, message_interval=0.0),
            targets=(PlannedTarget("demo"), PlannedTarget("other")),
            home=machine,
        )
        self._thread = EmulatorThread(self._emulator)
        self.access = self._thread.__enter__()
        self.name, self.host = self.access.name, self.access.host
        foreign = ("AWS_", "CONNECTOR_", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME")
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.environ = {
            **inherited,
            **own_account(self.home),
            **self.access.environment,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "PATH": f"{own_program(directory / 'bin')}{os.pathsep}{os.environ['PATH']}",
            "PYTHONWARNINGS": "default",
            "SHELL": "/bin/sh",
            "XDG_CACHE_HOME": str(directory / "cache"),
        }
        self.config = self.home / ".ssh" / "config"
        key = ("Host *", f"IdentityFile {sshd.user_key}", "IdentitiesOnly yes", "BatchMode yes")
        self.config.write_text("\n".join((*key, "StrictHostKeyChecking accept-new", "")))
        self.config.chmod(0o600)

    def close(self) -> None:
        self._thread.__exit__()

    def secrets(self) -> list[str]:
        sessions = self._thread.call(lambda: list(self._emulator.sessions._sessions.values()))
        tokens = [each.token_value for each in sessions]
        return [self.access.bearer_token, self.access.secret_key, *tokens]

    def run(self, *words: str, input: str = "") -> subprocess.CompletedProcess[str]:
        if words[0] == "connector" and self.row.name != REAL_STARTS:
            words = (*CONNECTOR, *words[1:])
        ran = run(
            words, input=input, timeout=3 * PATIENCE, env=self.environ, cwd=self.home, text=True
        )
        for secret in self.secrets():
            assert secret not in ran.stdout + ran.stderr
        return ran

    def says(self, *words: str, input: str = "") -> str:
        """Return what a connector prints that succeeds."""
        ran = self.run("connector", *words, input=input)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def refused(self, *words: str) -> str:
        """Return the only line of a connector that refuses its arguments."""
        ran = self.run("connector", *words)
        assert ran.returncode == 78, ran.stderr
        (line,) = ran.stderr.splitlines()
        return line

    def state(self, alias: str = "demo") -> str:
        return self._thread.call(lambda: self._emulator.world.state(alias))

    def name_of(self, alias: str) -> str:
        names = self._thread.call(lambda: list(self._emulator.world.targets))
        return next(each.name for each in names if each.alias == alias)

    def living(self) -> int:
        sessions = self._emulator.sessions
        return self._thread.call(
            lambda: sum(each.end_reason is None for each in sessions._sessions.values())
        )


@pytest.fixture(scope="module", params=ROWS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, the_sshd: Sshd
) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp(request.param)
    site = Site(ROWS[request.param], directory, the_sshd)
    yield site
    try:
        eventually(lambda: site.living() == 0, "the end of all sessions")
        assert leaks(directory, site.secrets()) == []
    finally:
        site.close()


def test_every_kind_has_facts() -> None:
    missing = ROWS.keys() - FACTS.keys()
    assert not missing, f"add the facts of {missing} to FACTS"


def test_list_shows_name_state_and_kind(site: Site) -> None:
    lines = [line.split("\t") for line in site.says("list", "--kind", site.row.name).splitlines()]
    if not site.facts.listed:
        assert lines == []
        return
    assert [site.name, site.facts.running] in [line[:2] for line in lines]
    assert {len(line) for line in lines} == {site.facts.fields}
    listed = json.loads(site.says("list", "--kind", site.row.name, "--json"))
    (found,) = [each for each in listed if each["sshName"] == site.name]
    assert (found["kind"], found["state"]) == (site.row.name, site.facts.running)
    assert list(found) == site.facts.members.split()


def test_help_explains_the_kind(site: Site) -> None:
    told = site.says("help", site.row.name)
    assert told.startswith(f"{site.row.name}: {site.row.words.nouns}")
    assert site.row.suffixes[0] in told
    for option in site.row.options:
        assert f"  --{option.name}" in told
    assert max(map(len, told.splitlines())) <= 100


def test_whoami_tells_the_user(site: Site) -> None:
    told = site.says("whoami", "--kind", site.row.name)
    variable = site.row.login.token_variables[0] if site.row.login else "AWS_ACCESS_KEY_ID"
    credentials = "token" if site.row.login else "keys"
    assert f"\n{credentials:9}from {variable}\n" in told
    assert (site.row.login is not None) or "111122223333" in told


def test_connector_ssh_needs_no_configuration(site: Site) -> None:
    ran = site.run("connector", "ssh", site.name, "-l", USER, "echo a$((40+2))b; exit 3")
    assert (ran.returncode, ran.stdout) == (3, "a42b\n"), ran.stderr


def test_cp_copies_to_the_target(site: Site, tmp_path: Path) -> None:
    sent, there = tmp_path / "sent", tmp_path / "there"
    sent.write_bytes(os.urandom(300_000))
    if SSH not in site.row.forms and not site.row.copies_by_tar:
        assert "Use `connector shell" in site.refused("cp", str(sent), f"{site.name}:{there}")
        return
    options = () if site.row.copies_by_tar else ("-o", f"User={USER}", "-j", "1")
    site.says("cp", *options, str(sent), f"{site.name}:{there}")
    assert there.read_bytes() == sent.read_bytes()


def test_shell_runs_what_is_typed(site: Site) -> None:
    if SHELL not in site.row.forms:
        assert f"Use `connector ssh {site.name}`" in site.refused("shell", site.name)
        return
    assert "a42b" in site.says("shell", site.name, input="echo a$((40+2))b\n")


def test_exec_gives_bytes_and_exit_status(site: Site) -> None:
    words = ("exec", site.name, "--", "sh", "-c", 'echo "$1"; exit 3', "sh", "a  b")
    if COMMAND not in site.row.forms:
        assert f"Use `connector ssh {site.name} -- COMMAND`" in site.refused(*words)
        return
    ran = site.run("connector", *words)
    assert (ran.returncode, ran.stdout) == (3, "a  b\n"), ran.stderr


def test_sessions_are_listed_and_stopped(site: Site) -> None:
    if SSH in site.row.forms:
        words = [*CONNECTOR, "proxy", site.name]
    else:
        words = [*CONNECTOR, "shell", site.name]
    process = start(
        words,
        env=site.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.read(1)  # the session is open
        (line,) = site.says("sessions", "list", site.name).splitlines()
        id = line.split()[0]
        assert site.says("sessions", "stop", site.name, id) == f"stopped {id}\n"
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.communicate()
    ran = site.run("connector", "sessions", "list", site.name)
    assert (ran.stdout, "has no sessions" in ran.stderr) == ("", True)


def test_doctor_checks_a_kind_without_a_target(site: Site) -> None:
    ran = site.run("connector", "doctor", "--kind", site.row.name, "--json")
    assert ran.returncode == 0, ran.stdout
    legs = {leg["name"]: leg["status"] for leg in json.loads(ran.stdout)["legs"]}
    own = ("profile", "token") if site.row.login else ("keys", "region")
    assert {legs[name] for name in (*own, "api-tls", "identity")} == {"ok"}
    assert not {"target", "environment", "session", "keys-identity"} & set(legs)
    other = "--region" if site.row.login else "--space"
    assert f"{other} does not go with --kind {site.row.name}" in site.refused(
        "doctor", "--kind", site.row.name, other, "x-1"
    )
    assert "Leave one out" in site.refused("doctor", "--kind", site.row.name, site.name)


def test_completion_offers_listed_names(site: Site, tmp_path: Path) -> None:
    site.says("list", "--kind", site.row.name)
    line = f"connector start {site.name[:3]}"
    offered = tmp_path / "offered"
    environ = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(offered)}
    environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = subprocess.run(
        ["connector"], env={**site.environ, **environ}, capture_output=True, timeout=PATIENCE
    )
    assert (site.name in offered.read_text()) is site.facts.listed, done.stderr


@pytest.mark.usefixtures("library")
def test_library_reaches_the_ssh_server(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in site.environ.items():
        monkeypatch.setenv(name, value)
    if SSH not in site.row.forms:
        with pytest.raises(connector.ConfigError, match="no sessions for ssh"):
            connector.open_socket(site.name)
        return
    with connector.open_socket(site.name) as stream:
        assert stream.recv(4) == b"SSH-"


def test_options_of_other_kinds_are_refused(site: Site) -> None:
    other = "--region" if site.row.name == "codecatalyst" else "--space"
    assert f"{other} does not go with the name" in site.refused("start", site.name, other, "x-1")


def test_one_target_takes_one_region(site: Site) -> None:
    if site.row.option("region"):
        ran = site.run("connector", "start", site.name, "--region", "us-west-2,eu-west-1")
        assert (ran.returncode, "several Regions" in ran.stderr) == (2, True)


def test_unknown_name_is_refused(site: Site) -> None:
    name = f"nothing-like-it{site.row.suffixes[0]}"
    ran = site.run("connector", "start", name)
    # Of targets without a list, only the form of a name can be known to be wrong.
    assert ran.returncode == (68 if site.facts.listed else 78), ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert "two in a row" in site.refused("start", f"a..b{site.row.suffixes[0]}")


def test_start_of_a_running_target_changes_nothing(site: Site) -> None:
    if not site.facts.listed:
        assert "cannot start" in site.refused("start", site.name)
        return
    assert site.facts.running in site.says("start", site.name)


def test_target_is_stopped_and_started(site: Site) -> None:
    if not site.facts.stopped:
        ran = site.run("connector", "stop", "--yes", site.name)
        assert ran.returncode == 78, ran.stderr
        assert len(ran.stderr.splitlines()) == 1
        return
    name = site.name_of("other")
    site.says("stop", "--yes", "--wait", name)
    assert site.state("other") == site.facts.stopped
    started = ("start", name)
    if not site.facts.restarts:
        assert site.run("connector", *started).returncode == site.facts.gone
        return
    if SSH in site.row.forms:
        words = (name, "-l", USER, "echo started")
        if not site.row.starts_unasked:
            assert site.run("connector", "ssh", *words).returncode == 75
            assert site.state("other") == site.facts.stopped
        assert site.says("ssh", "--start", *words) == "started\n"
    else:
        site.says(*started)
    assert site.state("other") == site.facts.running


@pytest.fixture(scope="module")
def configured(site: Site) -> Iterator[str]:
    """Let config-ssh set ssh up, and give what it told. It takes everything back at the end."""
    mine = site.config.read_text()
    yield site.says("config-ssh", "--yes", "--kind", site.row.name)
    site.says("config-ssh", "--yes", "--remove")
    assert site.config.read_text() == mine


def test_config_ssh_leads_ssh_and_scp_to_the_target(
    site: Site, configured: str, tmp_path: Path
) -> None:
    assert (f"Host {site.name}\n" in configured) is site.facts.listed
    login = ("-o", f"User={USER}")
    ran = site.run(program("ssh"), *login, site.host, "echo a$((40+2))b")
    assert (ran.returncode, ran.stdout) == (0, "a42b\n"), ran.stderr
    sent, got = tmp_path / "sent", tmp_path / "got"
    sent.write_bytes(os.urandom(100_000))
    ran = site.run(program("scp"), "-q", *login, f"{site.name}:{sent}", str(got))
    assert ran.returncode == 0, ran.stderr
    assert got.read_bytes() == sent.read_bytes()


@pytest.mark.usefixtures("configured")
def test_doctor_finds_nothing_wrong(site: Site) -> None:
    told = site.run("connector", "doctor", site.name, "--report", "--json").stdout
    legs = {leg["name"]: leg for leg in json.loads(told)["legs"]}
    legs.pop("ssh-login", None)  # the tests' sshd has one user, and another name than the kind's
    wrong = {name: leg for name, leg in legs.items() if leg["status"] == "fail"}
    assert wrong == {}
    assert "identity" in legs
    if SSH in site.row.forms:
        assert {legs[name]["status"] for name in ("session", "greeting", "session-end")} == {"ok"}
    for value in (site.name, str(site.home), "111122223333"):
        assert value not in told
