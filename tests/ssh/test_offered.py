"""The public key that ssh offers first, compared with what a real ssh offers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.ssh.offered import offered_key

from ..endtoend.sshd import Sshd, program

TYPES = ("ssh-ed25519", "ssh-rsa")
TIMEOUT = 30


def make_key(path: Path, kind: str = "ed25519", passphrase: str = "") -> str:
    """Make a key pair and return the public key without its comment."""
    short = ["-b", "2048"] if kind == "rsa" else []  # a longer one takes half a second
    command = [program("ssh-keygen"), "-q", "-t", kind, *short, "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True, timeout=TIMEOUT)
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


class Desk:
    """A user with an own configuration of ssh: a wrapper of ssh names it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config"
        wrapper = directory / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {program("ssh")} -F "{self.config}" "$@"\n')
        wrapper.chmod(0o755)
        self.environ = {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}"}
        self.environ.pop("SSH_AUTH_SOCK", None)

    def configure(self, *lines: str) -> None:
        self.config.write_text("\n".join(("Host *", *lines, "")))

    def add(self, key: Path) -> None:
        command = [program("ssh-add"), "-q", str(key)]
        subprocess.run(command, check=True, env=self.environ, timeout=TIMEOUT)

    def offered(self) -> str | None:
        return offered_key("i-0123456789abcdef0", TYPES, self.environ)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def agent(desk: Desk) -> Iterator[None]:
    socket = desk.directory / "agent"
    process = subprocess.Popen([program("ssh-agent"), "-D", "-a", str(socket)], stdout=-3)
    try:
        desk.environ["SSH_AUTH_SOCK"] = str(socket)
        while not socket.exists():
            assert process.poll() is None
        yield
    finally:
        process.terminate()
        process.wait(TIMEOUT)


def test_first_identity_file_that_exists_is_offered(desk: Desk, tmp_path: Path) -> None:
    key = make_key(tmp_path / "second")
    desk.configure(f"IdentityFile {tmp_path}/first", f"IdentityFile {tmp_path}/second")

    assert desk.offered() == key


def test_private_key_without_a_pub_file_is_read(desk: Desk, tmp_path: Path) -> None:
    key = make_key(tmp_path / "key", passphrase="long enough")
    (tmp_path / "key.pub").unlink()
    desk.configure(f"IdentityFile {tmp_path}/key")

    assert desk.offered() == key


@pytest.mark.usefixtures("agent")
def test_public_file_names_a_key_of_the_agent(desk: Desk, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    key = make_key(tmp_path / "held")
    for name in ("other", "held"):
        desk.add(tmp_path / name)
    public = tmp_path / "named.pub"
    public.write_text(f"# of the agent\n\n{key} a comment\n")
    desk.configure(f"IdentityFile {public}", "IdentitiesOnly yes")

    assert desk.offered() == key


@pytest.mark.parametrize("content", ["", "ssh-ed25519", "ssh-ed25519 %", "ssh-ed25519 AAAA"])
def test_malformed_pub_file_is_skipped(desk: Desk, tmp_path: Path, content: str) -> None:
    key = make_key(tmp_path / "key")
    (tmp_path / "key.pub").write_text(content)
    desk.configure(f"IdentityFile {tmp_path}/key")

    assert desk.offered() == key


@pytest.mark.parametrize("content", [b"", b"-----BEGIN OPENSSH PRIVATE KEY-----\nYWJj\n", b"\xff"])
def test_malformed_private_key_is_skipped(desk: Desk, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken").write_bytes(content)
    key = make_key(tmp_path / "key")
    desk.configure(f"IdentityFile {tmp_path}/broken", f"IdentityFile {tmp_path}/key")

    assert desk.offered() == key


def test_cut_off_private_key_is_skipped(desk: Desk, tmp_path: Path) -> None:
    magic = b"b3BlbnNzaC1rZXktdjEA"  # "openssh-key-v1" and nothing behind it
    begin, end = (b"-----%s OPENSSH PRIVATE KEY-----" % word for word in (b"BEGIN", b"END"))
    (tmp_path / "cut").write_bytes(begin + b"\n" + magic + b"\n" + end + b"\n")
    desk.configure(f"IdentityFile {tmp_path}/cut")

    assert desk.offered() is None


def test_key_of_another_type_is_skipped(desk: Desk, tmp_path: Path) -> None:
    make_key(tmp_path / "ecdsa", "ecdsa")
    key = make_key(tmp_path / "rsa", "rsa")
    desk.configure(f"IdentityFile {tmp_path}/ecdsa", f"IdentityFile {tmp_path}/rsa")

    assert desk.offered() == key


@pytest.mark.usefixtures("agent")
def test_key_of_the_agent_is_offered_before_files(desk: Desk, tmp_path: Path) -> None:
    make_key(tmp_path / "file")
    key = make_key(tmp_path / "held")
    desk.add(tmp_path / "held")
    desk.configure(f"IdentityFile {tmp_path}/file")

    assert desk.offered() == key


@pytest.mark.usefixtures("agent")
def test_named_key_of_the_agent_is_offered_before_its_others(desk: Desk, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    key = make_key(tmp_path / "named")
    for name in ("other", "named"):
        desk.add(tmp_path / name)
    desk.configure(f"IdentityFile {tmp_path}/named")

    assert desk.offered() == key


@pytest.mark.usefixtures("agent")
def test_identities_only_leaves_out_other_keys_of_the_agent(desk: Desk, tmp_path: Path) -> None:
    key = make_key(tmp_path / "file")
    make_key(tmp_path / "held")
    desk.add(tmp_path / "held")
    desk.configure(f"IdentityFile {tmp_path}/file", "IdentitiesOnly yes")

    assert desk.offered() == key


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("named", ["{path}", "$OTHER_SOCK", "none"])
def test_agent_of_the_configuration_is_asked(desk: Desk, tmp_path: Path, named: str) -> None:
    key = make_key(tmp_path / "held")
    desk.add(tmp_path / "held")
    socket = desk.environ.pop("SSH_AUTH_SOCK")
    desk.environ["OTHER_SOCK"] = socket
    desk.configure("IdentityFile none", f"IdentityAgent {named.format(path=socket)}")

    assert desk.offered() == (None if named == "none" else key)


def test_no_key_is_none(desk: Desk) -> None:
    desk.configure("IdentityFile none")

    assert desk.offered() is None


@pytest.mark.usefixtures("agent")
def test_order_is_that_of_a_real_ssh(desk: Desk, tmp_path: Path) -> None:
    for name in ("file", "named", "other"):
        make_key(tmp_path / name)
    for name in ("other", "named"):
        desk.add(tmp_path / name)
    (tmp_path / "sshd").mkdir()
    server = Sshd(tmp_path / "sshd")  # knows none of the keys
    try:
        desk.configure(
            f"IdentityFile {tmp_path}/file",
            f"IdentityFile {tmp_path}/named",
            "StrictHostKeyChecking no",
            "UserKnownHostsFile /dev/null",
        )
        told = subprocess.run(
            ["ssh", "-v", "-p", str(server.port), "127.0.0.1", "true"],
            env=desk.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        ).stderr
    finally:
        server.close()
    first = re.search(r"Offering public key: \S*/(\w+) ED25519", told)

    assert first
    public = (tmp_path / f"{first[1]}.pub").read_text()
    assert desk.offered() == " ".join(public.split()[:2])
