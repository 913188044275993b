"""Remote access to SageMaker's spaces, which has to be on, and the host keys of each start."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commands import CONNECTOR
from .studio import ENABLE, Studio
from .terminals import Terminal

SPACE, QUIET = "deep-space.sagemaker", "quiet.sagemaker"


# Remote access


def test_remote_access_is_never_enabled_unasked(studio: Studio) -> None:
    studio.space().remote_access = studio.space("quiet").remote_access = "DISABLED"
    for name in (SPACE, QUIET):
        for command in ("start", "proxy", "ssh"):
            line = studio.refuses(
                75,
                command,
                name,
                told=(
                    "Remote access",
                    "is off",
                ),
            )
            assert f"connector start {ENABLE}" in line
    assert studio.calls("UpdateSpace") == studio.calls("DeleteApp") == 0
    assert studio.world.state("Deep-Space") == "InService"


@pytest.mark.parametrize("name", [SPACE, QUIET])
def test_option_enables_remote_access_and_restarts(studio: Studio, name: str) -> None:
    space = studio.space("Deep-Space" if name == SPACE else "quiet")
    space.remote_access = "DISABLED"
    space.stop_seconds = space.update_seconds = space.start_seconds = 0.5
    before = space.machine_id
    assert studio.run("start", ENABLE, name).returncode == 0
    assert space.remote_access == "ENABLED"
    assert space.machine_id != before
    assert studio.run("ssh", name, "echo hello").stdout == b"hello\n"


def test_terminal_is_asked_for_remote_access(studio: Studio) -> None:
    space = studio.space()
    space.remote_access = "DISABLED"
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "start", SPACE)
        assert b"unsaved work" in terminal.reader.until(b"[y/N] ")
        terminal.type(b"n\n")
        assert process.wait() == 75
        assert space.remote_access == "DISABLED"
    with Terminal(24, 200) as terminal:
        process = terminal.start(studio.commands, *CONNECTOR, "ssh", SPACE, "echo hello")
        terminal.reader.until(b"[y/N] ")
        terminal.type(b"y\n")
        assert process.wait() == 0
    assert space.remote_access == "ENABLED"


# Host keys


def test_new_key_of_a_new_start_is_accepted(studio: Studio) -> None:
    studio.configure()
    for name in (SPACE, "Deep-Space.research.sagemaker", SPACE):
        answer = studio.ssh(name, "echo hello")
        assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
        studio.restart(studio.space())
    lines = studio.known_hosts.read_text().splitlines()
    assert len([line for line in lines if not line.startswith("#")]) == 2  # one for each name


def test_key_that_changes_within_one_start_is_refused(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    app = studio.space().app
    assert app is not None
    app.number += 1000  # the SSH server's key is that of another machine
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in answer.stderr
    app.number -= 1000
    assert studio.ssh(SPACE, "true").returncode == 0


def test_connector_ssh_cp_and_other_names_share_the_keys(studio: Studio, tmp_path: Path) -> None:
    studio.configure()
    (tmp_path / "file").write_text("x")
    login = studio.run("ssh", SPACE, "true"), studio.ssh(studio.space().arn, "true")
    studio.restart(studio.space())
    copy = (
        studio.run("cp", "-j", "1", str(tmp_path / "file"), f"{SPACE}:file"),
        studio.commands.run("scp", "-B", str(tmp_path / "file"), f"{SPACE}:file"),
    )
    for answer in (*login, *copy):
        assert answer.returncode == 0, answer.stderr


def test_file_of_keys_is_the_one_that_ssh_is_told_to_read(studio: Studio, tmp_path: Path) -> None:
    keys, file = tmp_path / "my keys", tmp_path / "file"
    file.write_text("x")
    config = studio.known_hosts.with_name("config")
    config.parent.mkdir(exist_ok=True)
    config.write_text(f'Host *\n  UserKnownHostsFile "{keys}"\n')
    for _ in range(2):
        for words in (("ssh", SPACE, "true"), ("cp", "-j", "1", str(file), f"{SPACE}:file")):
            answer = studio.run(*words)
            assert answer.returncode == 0, answer.stderr
        studio.restart(studio.space())
    assert not studio.known_hosts.exists()
    assert keys.exists()


def test_app_of_another_type_is_another_start(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    space = studio.space()

    def change() -> None:
        model = studio.world.model
        model.delete_app(space)
        space.app_type = "CodeEditor"
        model.create_app(space, "CodeEditor", space.spec)

    studio.call(change)
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 0, answer.stderr


def test_connection_asks_about_the_app_once(studio: Studio) -> None:
    studio.named()
    assert studio.run("ssh", SPACE, "true").returncode == 0
    before = studio.calls("DescribeApp") + studio.calls("DescribeSpace")
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    assert studio.calls("DescribeApp") + studio.calls("DescribeSpace") == before + 1


def test_hashed_names_are_recognised(studio: Studio) -> None:
    studio.configure()
    for _ in range(2):
        answer = studio.ssh("-o", "HashKnownHosts=yes", SPACE, "true")
        assert answer.returncode == 0, answer.stderr
        assert "|1|" in studio.known_hosts.read_text()
        studio.restart(studio.space())


def test_keys_stay_where_the_app_may_not_be_asked_about(studio: Studio) -> None:
    studio.configure()
    assert studio.ssh(SPACE, "true").returncode == 0
    studio.account.deny("sagemaker:DescribeApp")
    studio.restart(studio.space())
    answer = studio.ssh(SPACE, "true")
    assert answer.returncode == 255
    assert b"REMOTE HOST IDENTIFICATION HAS CHANGED" in answer.stderr
