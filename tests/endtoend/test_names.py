"""Friendly names, by ssh and by the connector's own process."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import DevEnvironment, Status
from connector.emulator.api.errors import AccessDeniedException, InternalFailure

from .causes import CAUSES
from .cloud import START, Cloud
from .commands import AT_ONCE, CONNECTOR, Commands, Ssh
from .failing import check
from .sshd import program
from .targets import GREETING, TcpService, greeting_echo

LIST = "ListDevEnvironments"
SPACES = "ListSpaces"
GET = "GetDevEnvironment"


@pytest.fixture
def named(cloud: Cloud) -> dict[str, DevEnvironment]:
    """Environments with every feature of names, by their keys in these tests."""
    return {
        "front": cloud.add("Other.Space", "web.site-1", "Web.Front"),
        "api": cloud.add("ExampleCorp", "Shop", "api"),
        "old": cloud.add("ExampleCorp", "Shop", "old"),
        "other": cloud.add("Other.Space", "Shop", "old"),
        "nameless": cloud.add("Other.Space", "Shop"),
    }


@pytest.fixture
def names_file(commands: Commands) -> Path:
    return commands.directory / "home/.cache/devenv-connector/names.json"


def reach(commands: Commands, cloud: Cloud, *words: str) -> DevEnvironment:
    """Return the Dev Environment that ``connector proxy`` reaches with these words."""
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.start(*CONNECTOR, "proxy", *words)
        process.reader.until(GREETING)
        process.hang_up()
        assert (process.wait(), process.stderr()) == (0, "")
    cloud.wait_all_ended()
    return cloud.environment_of(cloud.sessions[-1])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["Web.Front.web.site-1.Other.Space.codecatalyst"], "front"),
        (["web.front.codecatalyst"], "front"),
        (["old.Shop.ExampleCorp.codecatalyst"], "old"),
        (["old.codecatalyst", "--space", "Other.Space"], "other"),
        (["aws-devenv-{nameless}"], "nameless"),
        (["--id", "{nameless}"], "nameless"),
    ],
)
def test_name_leads_to_the_environment(
    commands: Commands,
    cloud: Cloud,
    named: dict[str, DevEnvironment],
    words: list[str],
    expected: str,
) -> None:
    words = [word.format(nameless=named["nameless"].id) for word in words]
    assert reach(commands, cloud, *words) is named[expected]
    assert cloud.count(SPACES) == 1


def test_name_is_looked_up_once(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment], names_file: Path
) -> None:
    for _ in range(2):
        assert reach(commands, cloud, "api.codecatalyst") is named["api"]
    assert (cloud.count(SPACES), cloud.count(START)) == (1, 2)
    assert names_file.stat().st_mode & 0o777 == 0o600
    assert reach(commands, cloud, "WEB.front") is named["front"]
    assert cloud.count(SPACES) == 1


def test_new_name_is_looked_up(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    new = cloud.add("ExampleCorp", "Shop", "brand-new")
    assert reach(commands, cloud, "brand-new") is new
    assert cloud.count(SPACES) == 2


def test_alias_of_a_new_environment_is_followed(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    cloud.delete(named["api"])
    new = cloud.add("Other.Space", "Shop", "api")
    assert reach(commands, cloud, "api") is new
    assert cloud.count(SPACES) == 2


def test_variables_do_not_hide_other_environments(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    """An IDE's terminal has another environment's variables; names without these still work."""
    commands.environ |= {"SPACE_NAME": "ExampleCorp", "PROJECT_NAME": "Shop"}
    for _ in range(2):  # looked up first, then from the cache
        assert reach(commands, cloud, "old") is named["old"]
        assert reach(commands, cloud, "web.front.codecatalyst") is named["front"]
    assert cloud.count(SPACES) == 1
    answer = commands.run(*CONNECTOR, "start", "--space", "ExampleCorp", "web.front")
    assert answer.returncode == 68
    assert b"no Dev Environment 'web.front' in the space 'ExampleCorp'" in answer.stderr


# An alias that has moved while the cached environment still exists


@pytest.fixture
def renamed(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> tuple[DevEnvironment, DevEnvironment]:
    """The environment that the cache knows as ``api``, and the one that has the alias now."""
    assert reach(commands, cloud, "api") is named["api"]
    named["api"].alias = "api-before"
    return named["api"], cloud.add("Other.Space", "Shop", "api")


def test_alias_that_moved_to_another_environment_is_followed(
    commands: Commands, cloud: Cloud, renamed: tuple[DevEnvironment, DevEnvironment]
) -> None:
    before, now = renamed
    assert reach(commands, cloud, "api") is now
    in_vain = cloud.sessions[1]
    assert (in_vain.machine_id, cloud.stops(in_vain)) == (before.id, 1)
    assert cloud.count(SPACES) == 2
    assert reach(commands, cloud, "api") is now
    assert len(cloud.sessions) == 4


def test_environment_that_lost_its_alias_is_not_started(
    commands: Commands, cloud: Cloud, renamed: tuple[DevEnvironment, DevEnvironment]
) -> None:
    before, now = renamed
    cloud.call(lambda: cloud.set_status_of(before, Status.STOPPED))
    assert reach(commands, cloud, "api") is now
    assert before.status is Status.STOPPED


@pytest.mark.parametrize("command", ["start", "stop"])
def test_commands_follow_a_moved_alias(
    commands: Commands,
    cloud: Cloud,
    renamed: tuple[DevEnvironment, DevEnvironment],
    command: str,
) -> None:
    before, now = renamed
    answer = commands.run(*CONNECTOR, command, "api")
    assert answer.returncode == 0, answer.stderr
    assert now.id in answer.stdout.decode()
    assert before.status is Status.RUNNING


def test_sessions_follow_a_moved_alias(
    commands: Commands, cloud: Cloud, renamed: tuple[DevEnvironment, DevEnvironment]
) -> None:
    answer = commands.run(*CONNECTOR, "sessions", "list", "api", "--json")
    assert (answer.returncode, answer.stdout) == (0, b"[]\n")
    assert cloud.count(SPACES) == 2


def test_slow_check_of_the_alias_delays_nothing(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    cloud.misbehaviours.delay(GET, 30.0)
    began = time.monotonic()
    assert reach(commands, cloud, "api") is named["api"]
    assert time.monotonic() - began < 10


def test_alias_of_a_deleted_environment_leads_to_its_successor(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    cloud.call(lambda: cloud.set_status_of(named["api"], Status.DELETING))
    process = commands.start(*CONNECTOR, "proxy", "api")
    check(process, 75, "is DELETING")
    new = cloud.add("ExampleCorp", "Shop", "api")
    assert reach(commands, cloud, "api") is new
    listed = commands.run(*CONNECTOR, "list", "--project", "Shop", "--space", "ExampleCorp")
    assert {line.split(b"\t")[0] for line in listed.stdout.splitlines()} == {
        b"api.codecatalyst",
        b"old.Shop.ExampleCorp.codecatalyst",
        named["api"].id[:8].encode() + b".codecatalyst",
    }


def test_deleted_environment_is_reported_as_missing(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    cloud.delete(named["api"])
    missing = ("There is no Dev Environment 'api'", "other targets", ".ec2")
    check(commands.start(*CONNECTOR, "proxy", "api"), 68, *missing)


def test_name_that_the_last_list_made_ambiguous_is_refused(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    words = ("old.Shop.ExampleCorp.codecatalyst", "old.Shop.Other.Space.codecatalyst")
    for count in (1, 2):
        check(commands.start(*CONNECTOR, "proxy", "old"), 78, "2 Dev Environments", *words)
        assert cloud.count(SPACES) == count
    cloud.delete(named["old"])
    assert reach(commands, cloud, "old") is named["other"]


def test_unknown_name_comes_with_similar_names(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    process = commands.start(*CONNECTOR, "proxy", "wep.front.codecatalyst")
    check(process, 68, "Did you mean Web.Front.codecatalyst", "connector list")


def test_name_with_the_prefix_of_aws_is_unknown(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    """The pattern ``codecatalyst-dev-env*`` matches this name too."""
    name = "codecatalyst-dev-envfoo=a=b=c"
    check(commands.start(*CONNECTOR, "proxy", name), 68, f"There is no Dev Environment '{name}'")
    assert cloud.count(START) == 0


def test_unreplaced_token_of_ssh_is_named(commands: Commands, cloud: Cloud) -> None:
    check(commands.start(*CONNECTOR, "proxy", "%n"), 78, "'%n' was not replaced by the host name")
    assert cloud.count(SPACES) == 0


def test_refused_space_is_reported(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    cloud.misbehaviours.refuse("ListProjects", AccessDeniedException("Not you"))
    process = commands.start(*CONNECTOR, "proxy", "nothing")
    check(process, 68, "You have no access to ")


def test_failing_space_may_contain_the_name(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    cloud.misbehaviours.refuse(LIST, InternalFailure("Broken"), times=100)
    check(commands.start(*CONNECTOR, "proxy", "api"), 69, "cannot list the project")


def test_other_profile_has_its_own_names(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment], names_file: Path
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    assert reach(commands, cloud, "api", "--endpoint-url", cloud.server.url + "/") is named["api"]
    assert cloud.count(SPACES) == 2
    assert len(json.loads(names_file.read_text())) == 2


@pytest.mark.parametrize("text", ["{", "[]"])
def test_damaged_cache_is_ignored(
    commands: Commands,
    cloud: Cloud,
    named: dict[str, DevEnvironment],
    names_file: Path,
    text: str,
) -> None:
    names_file.parent.mkdir(parents=True)
    names_file.write_text(text)
    assert reach(commands, cloud, "api") is named["api"]
    assert reach(commands, cloud, "api") is named["api"]
    assert cloud.count(SPACES) == 1


def test_ssh_reaches_a_friendly_name(
    ssh: Ssh, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    config = ssh.config.read_text().replace(f"Host {ssh.host}", "Host *.codecatalyst")
    ssh.config.write_text(config)
    words = ("-F", str(ssh.config), "Web.Front.codecatalyst", "echo hello")
    answer = ssh.commands.run(program("ssh"), *words)
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert cloud.environment_of(cloud.sessions[-1]) is named["front"]


# Ends during a look-up


def test_all_causes_end_a_look_up_at_once(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.delay(SPACES, 60.0, times=len(CAUSES))
    processes = {
        cause: commands.start(*CONNECTOR, "proxy", "my-env.codecatalyst") for cause in CAUSES
    }
    cloud.wait_for_requests(SPACES, len(CAUSES))
    for cause, process in processes.items():
        began = time.monotonic()
        CAUSES[cause][0](process)
        assert process.wait() == CAUSES[cause][1], cause
        assert time.monotonic() - began < AT_ONCE, cause
        assert process.stderr() == ""
    assert cloud.count(START) == 0


def test_second_look_up_ends_at_once(
    commands: Commands, cloud: Cloud, named: dict[str, DevEnvironment]
) -> None:
    assert reach(commands, cloud, "api") is named["api"]
    cloud.delete(named["api"])
    cloud.misbehaviours.delay(SPACES, 60.0)
    process = commands.start(*CONNECTOR, "proxy", "api")
    cloud.wait_for_requests(SPACES, 2)
    began = time.monotonic()
    process.signal(signal.SIGHUP)
    assert process.wait() == 0
    assert time.monotonic() - began < AT_ONCE
    assert process.stderr() == ""


def test_ctrl_c_ends_a_look_up(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.delay(SPACES, 60.0)
    process = commands.start(*CONNECTOR, "start", "my-env")
    cloud.wait_for_requests(SPACES)
    began = time.monotonic()
    process.signal(signal.SIGINT)
    assert process.wait() == 130
    assert time.monotonic() - began < AT_ONCE
