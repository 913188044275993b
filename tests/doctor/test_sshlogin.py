"""How the doctor calls ssh and ends it, with another program in the place of ssh."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from connector.cli.doctor import make_case
from connector.doctor import sshlogin
from connector.doctor.case import Case
from connector.doctor.sshconfig import _python_variables
from connector.doctor.sshlogin import Login
from connector.errors import ConnectFailed

from ..endtoend.waiting import alive, eventually
from .test_installed import NOTHING


def case(directory: Path, script: str, **settings: str) -> Case:
    program = directory / "ssh"
    program.write_text(f"#!/bin/sh\ncd {directory}\n{script}\n")
    program.chmod(0o755)
    case = make_case(NOTHING, {"PATH": os.environ["PATH"], "CONNECTOR_START": "yes"})
    case.ssh, case.ssh_host, case.ssh_settings = str(program), "my-env", settings
    return case


def wait_until_gone(pid_file: Path) -> None:
    pid = int(pid_file.read_text())
    eventually(lambda: not alive(pid), f"the end of {pid_file.name}")


def test_call_asks_and_changes_nothing(tmp_path: Path) -> None:
    script = 'printf "%s\\n" "$@" >words; echo $CONNECTOR_START $SSH_ASKPASS_REQUIRE >variables'
    settings = {"controlmaster": "ask", "controlpath": "/run/me/a%b-master-of-me"}
    settings["userknownhostsfile"] = "~/.ssh/known_hosts_codecatalyst /etc/more"
    Login(case(tmp_path, script, **settings)).run()

    said = (tmp_path / "words").read_text().splitlines()
    assert said[-3:] == ["--", "my-env", "true"]
    assert {"-T", "-a", "-x", "BatchMode=yes", "UpdateHostKeys=no", "ControlPersist=no"} <= {*said}
    assert {"ControlMaster=auto", "PermitLocalCommand=no", "AddKeysToAgent=no"} <= {*said}
    (socket,) = (word for word in said if word.startswith("ControlPath="))
    (keys,) = (word for word in said if word.startswith("UserKnownHostsFile="))
    assert socket.startswith('ControlPath="/run/me/')
    assert len(socket) == len('ControlPath="/run/me/a%b-master-of-me"')
    assert keys.endswith('/known_hosts" "~/.ssh/known_hosts_codecatalyst" "/etc/more"')
    assert (tmp_path / "variables").read_text().split() == ["no", "never"]


def test_ssh_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sshlogin, "RUN_TIMEOUT", 1.0)
    script = "trap '' TERM; sleep 300 & echo $! >child; echo $$ >parent; wait; sleep 300"
    monkeypatch.setattr(sshlogin, "END_TIMEOUT", 0.1)
    with pytest.raises(ConnectFailed, match="does not end within 1 s"):
        Login(case(tmp_path, script)).run()

    for name in ("child", "parent"):
        wait_until_gone(tmp_path / name)


def test_background_process_of_ssh_is_ended(tmp_path: Path) -> None:
    Login(case(tmp_path, "sleep 300 & echo $! >child")).run()

    wait_until_gone(tmp_path / "child")


def test_close_ends_ssh_from_another_thread(tmp_path: Path) -> None:
    login = Login(case(tmp_path, "echo $$ >parent; exec sleep 300"))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            login.run()
        except ConnectFailed as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    eventually((tmp_path / "parent").exists, "the start of ssh")
    login.close()
    thread.join(20)

    assert failures
    with pytest.raises(RuntimeError, match="is over"):  # no leg starts ssh after that
        login.run()


def test_endless_output_is_truncated(tmp_path: Path) -> None:
    with pytest.raises(ConnectFailed) as caught:
        Login(case(tmp_path, "head -c 3000000 /dev/zero | tr '\\0' x >&2; exit 255")).run()

    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("launcher", "ignored"),
    [
        ("/venv/bin/python -I -m connector", True),
        ("python3.12 -E -P /usr/bin/connector", True),
        ("/venv/bin/python /venv/bin/connector -I", False),
        ("/venv/bin/connector", False),
        ("sudo -E /venv/bin/connector", False),
    ],
)
def test_only_options_of_python_ignore_its_variables(launcher: str, ignored: bool) -> None:
    found = list(_python_variables(launcher.split(), {"PYTHONPATH": "/tmp"}))
    assert found == ([] if ignored else ["PYTHONPATH"])
