"""A second kind of target, which lives in the tests, is served by every command and the library."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.targets import registry
from connector.targets.kind import Kind

from ..targets import toy
from .cloud import Cloud
from .commands import Commands, Ssh
from .shop import Shop, User
from .sshd import USER, Sshd, program
from .targets import GREETING, TcpService, greeting_echo
from .terminals import Terminal


@pytest.fixture
def shop(cloud: Cloud) -> Iterator[Shop]:
    shop = Shop(cloud)
    yield shop
    shop.close()


@pytest.fixture
def user(commands: Commands, shop: Shop, tmp_path: Path) -> User:
    return User(commands, shop, tmp_path)


def test_toys_fulfil_the_contract() -> None:
    kind: Kind = toy.KIND  # which mypy checks
    assert kind.ssh.suffix == ".toy"
    lines = Path(toy.__file__).read_text().splitlines()
    assert len([line for line in lines if line.strip()]) < 150


def test_list_shows_both_kinds(user: User, cloud: Cloud) -> None:
    lines = [line.split("\t") for line in user.says("list").splitlines()]
    assert [line for line in lines if line[0].endswith(".toy")] == [
        ["bear.toy", "ON", "wood"],
        ["train.toy", "ON", "wood"],
    ]
    assert any(cloud.environment.id in line for line in lines)
    assert {"sshName": "bear.toy", "kind": "toy", "toy": "bear"} in json.loads(
        user.says("list", "--json")
    )


def test_list_of_one_kind_survives_an_error_of_another(user: User) -> None:
    user.commands.environ["AWS_BEARER_TOKEN_CODECATALYST"] = "not accepted"
    answer = user.run("list")
    assert answer.returncode == 77
    assert [line.split("\t")[0] for line in answer.stdout.decode().splitlines()] == [
        "bear.toy",
        "train.toy",
    ]
    assert len(answer.stderr.splitlines()) == 1


def test_list_leaves_out_a_kind_without_a_login(user: User) -> None:
    del user.commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    answer = user.run("list")
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert [line.split("\t")[0] for line in answer.stdout.decode().splitlines()] == [
        "bear.toy",
        "train.toy",
    ]
    assert user.run("list", "--kind", "codecatalyst").returncode == 77


def test_option_of_a_kind_leaves_out_the_others(user: User) -> None:
    assert ".toy" not in user.says("list", "--space", "ExampleCorp")
    answer = user.run("start", "bear.toy", "--space", "ExampleCorp")
    assert answer.returncode == 78
    assert b"--space does not go with the name 'bear.toy'" in answer.stderr


def test_help_has_a_line_for_each_kind(user: User) -> None:
    for command in ("start", "ssh", "proxy"):
        told = user.says(command, "--help")
        lines = told.splitlines()
        assert "  toy           toys, such as bear.toy" in lines
        assert max(map(len, lines)) <= 100  # however many kinds there are
        assert "With --id" not in told  # that is on the page of the kind
    assert "    toy           toys, such as bear.toy\n" in user.says("help")


def test_help_of_a_kind_explains_its_names(user: User) -> None:
    told = user.says("help", "toy")
    assert told.startswith("toy: toys of the toy shop\n\nNAME.toy\n\nin ~/.ssh/config")
    assert user.says("toy", "--help") == told
    assert "With --id, TARGET can be left out" in user.says("help", "codecatalyst")
    assert user.run("toy").returncode == 2


def test_stop_start_and_state(user: User, shop: Shop) -> None:
    assert user.says("stop", "bear.toy", "--wait") == "Toy bear is OFF\n"
    assert shop.toys["bear"] == "OFF"
    assert user.says("start", "bear.toy") == "Toy bear is ON\n"
    assert shop.toys["bear"] == "ON"
    assert user.run("start", "ball.toy").returncode == 68


def test_proxy_starts_a_stopped_toy_and_carries_bytes(user: User, shop: Shop, cloud: Cloud) -> None:
    shop.toys["bear"] = "OFF"
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = user.commands.start(*user.program, "proxy", "bear.toy")
        process.reader.until(GREETING)
        process.hang_up()
        assert process.wait() == 0
    assert (shop.toys["bear"], shop.forms) == ("ON", ["ssh"])
    assert "is OFF" in process.stderr()


def test_ssh_needs_no_configuration(user: User, ssh: Ssh, sshd: Sshd, tmp_path: Path) -> None:
    words = [f"IdentityFile {sshd.user_key}", "IdentitiesOnly yes", "BatchMode yes"]
    words += [f"UserKnownHostsFile {tmp_path}/keys", "LogLevel ERROR", "HashKnownHosts no"]
    options = ["-l", USER, *(word for option in words for word in ("-o", option))]
    assert user.says("ssh", "bear.toy", *options, "echo hello") == "hello\n"
    assert (tmp_path / "keys").read_text().startswith("bear.toy ")


def test_config_ssh_makes_ssh_reach_toys(user: User, ssh: Ssh, sshd: Sshd, tmp_path: Path) -> None:
    config = Path(user.commands.environ["HOME"], ".ssh", "config")
    kinds = ("--kind", "toy,codecatalyst")
    told = user.says("config-ssh", "--yes", *kinds, "--ssh-config", str(config))
    assert "Host *.toy" in told
    assert "Host *.codecatalyst" in told
    assert [told.count(words) for words in (f"+++ {config}\n", "\nDone. Try: ")] == [1, 1]
    again = user.says("config-ssh", "--kind", "toy", "--ssh-config", str(config))
    assert again.startswith("Nothing to change. Try: ")
    assert again.endswith(".toy\n")  # the kind that was asked for, though the other one is first
    assert "# \n" not in (config.parent / "toy_config").read_text()
    words = [option for option in ssh.key_options() if not option.startswith("UserKnown")]
    words = [word for word in words if not word.startswith("HostKeyAlias")]
    words += [f"UserKnownHostsFile {tmp_path}/keys", f"User {USER}", "LogLevel ERROR"]
    options = [word for option in words for word in ("-o", option)]
    command = [program("ssh"), "-F", str(config), *options, "train.toy", "echo hello"]
    answer = user.commands.run(*command)
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    told = user.says("config-ssh", "--remove", "--yes", "--ssh-config", str(config))
    assert told.count("contains nothing of connector") == 1
    assert list(config.parent.iterdir()) == []


def test_shell_and_exec(user: User, shop: Shop) -> None:
    assert "a42b" in user.says("shell", "bear.toy", input=b"echo a$((40+2))b\n")
    assert user.says("exec", "bear.toy", "--", "echo", "a b") == "a b\n"
    assert shop.forms == ["shell", "command"]


def test_sessions_are_listed_and_stopped(user: User, cloud: Cloud) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = user.commands.start(*user.program, "proxy", "bear.toy")
        process.reader.until(GREETING)
        (session,) = cloud.sessions
        assert session.id in user.says("sessions", "list", "bear.toy")
        assert user.says("sessions", "stop", "bear.toy", "--all") == f"stopped {session.id}\n"
        process.wait()
    assert user.run("sessions", "stop", "bear.toy", "none").returncode == 68


@pytest.mark.usefixtures("sshd")
def test_doctor_examines_a_toy(user: User) -> None:
    answer = user.run("doctor", "bear.toy", "--json")
    legs = {leg["name"]: leg for leg in json.loads(answer.stdout)["legs"]}
    assert legs["toy"]["text"] == "It is ON"
    for name in ("session", "greeting", "session-end"):
        assert legs[name]["status"] == "ok", legs[name]
    assert "identity" not in legs
    assert b"It is ON" in user.run("doctor", "bear.toy", "--report").stdout


def test_completion_offers_toys(user: User, tmp_path: Path) -> None:
    line = "connector start b"
    offered = tmp_path / "offered"
    environ = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_STDOUT_FILENAME": str(offered)}
    environ |= {"COMP_LINE": line, "COMP_POINT": str(len(line))}
    user.commands.run(*user.program, environ={**user.commands.environ, **environ})
    assert "bear.toy" in offered.read_text()


@pytest.mark.usefixtures("library")
def test_library_connects_to_a_toy(
    shop: Shop, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOY_URL", shop.url)
    monkeypatch.setattr(registry, "KINDS", [*registry.KINDS, toy.ROW])
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        with connector.open_socket("bear.toy") as stream:
            assert stream.recv(len(GREETING)) == GREETING


def ssh_words(sshd: Sshd, tmp_path: Path) -> list[str]:
    """Return options of ssh for this machine only."""
    words = [f"IdentityFile {sshd.user_key}", "IdentitiesOnly yes", "BatchMode yes"]
    words += [f"UserKnownHostsFile {tmp_path}/keys", "LogLevel ERROR"]
    return ["-l", USER, *(word for option in words for word in ("-o", option))]


@pytest.fixture
def billed(user: User) -> User:
    """A user of toys that are billed."""
    user.commands.environ["TOY_BILLING"] = "is billed by the hour"
    return user


@pytest.mark.parametrize(("key", "state"), [(b"y", "OFF"), (b"n", "ON")])
def test_ssh_offers_to_stop_a_billed_toy(
    billed: User, shop: Shop, sshd: Sshd, tmp_path: Path, key: bytes, state: str
) -> None:
    command = [*billed.program, "ssh", "bear.toy", *ssh_words(sshd, tmp_path), "echo hello; exit 3"]
    with Terminal(24, 80) as terminal:
        process = terminal.start(billed.commands, *command)
        shown = terminal.reader.until(b"bear.toy still runs and is billed by the hour. Stop it?")
        assert b"hello" in shown
        terminal.type(key + b"\n")
        assert process.wait() == 3
    assert shop.toys["bear"] == state


def test_ssh_without_a_terminal_says_that_a_billed_toy_still_runs(
    billed: User, shop: Shop, sshd: Sshd, tmp_path: Path
) -> None:
    answer = billed.run("ssh", "bear.toy", *ssh_words(sshd, tmp_path), "echo hello; exit 3")
    assert (answer.returncode, answer.stdout) == (3, b"hello\n")
    assert answer.stderr.decode().splitlines() == [
        "connector: bear.toy still runs and is billed by the hour. "
        "Stop it with `connector stop bear.toy`"
    ]
    assert shop.toys["bear"] == "ON"


def test_ssh_is_silent_about_a_billed_toy_that_was_stopped(
    billed: User, shop: Shop, sshd: Sshd, tmp_path: Path
) -> None:
    process = billed.commands.start(
        *billed.program, "ssh", "bear.toy", *ssh_words(sshd, tmp_path), "echo up; cat"
    )
    process.reader.until(b"up\n")
    shop.toys["bear"] = "OFF"
    process.end_input()
    assert process.wait() == 0
    assert process.stderr() == ""


@pytest.mark.parametrize(("key", "state"), [(b"y", "OFF"), (b"\x03", "ON")])
def test_shell_offers_to_stop_a_billed_toy(
    billed: User, shop: Shop, key: bytes, state: str
) -> None:
    with Terminal(24, 80) as terminal:
        process = terminal.start(billed.commands, *billed.program, "shell", "bear.toy")
        terminal.type(b"echo a$((40+2))b\n")
        terminal.reader.until(b"a42b")
        terminal.type(b"exit\n")
        terminal.reader.until(b"bear.toy still runs and is billed by the hour. Stop it?")
        assert not terminal.is_raw
        terminal.type(key + b"\n")
        assert process.wait() == 0  # as the shell ended
    advice = "bear.toy may still run and is billed by the hour. Stop it with `connector stop"
    assert (advice in process.stderr()) is (key == b"\x03")
    assert shop.toys["bear"] == state


def test_terminated_ssh_does_not_ask(billed: User, shop: Shop, sshd: Sshd, tmp_path: Path) -> None:
    command = [*billed.program, "ssh", "bear.toy", *ssh_words(sshd, tmp_path), "echo up; cat"]
    with Terminal(24, 80) as terminal:
        process = terminal.start(billed.commands, *command)
        terminal.reader.until(b"up")
        process.signal(signal.SIGTERM)
        assert process.wait() == 255
    assert "Stop it with" in process.stderr()
    assert shop.toys["bear"] == "ON"
