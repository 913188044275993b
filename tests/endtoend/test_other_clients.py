"""Clients other than OpenSSH with the configuration that ``connector config-ssh`` writes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import paramiko
import pytest

from ..ssh.thirdparty import READERS
from .cloud import Cloud
from .commands import Ssh
from .sshd import USER, Sshd, program
from .test_config_ssh import Configured
from .waiting import PATIENCE

if TYPE_CHECKING:
    import asyncssh

NAME = "Front.codecatalyst"

#: libssh runs in its own process: it may hold this process's lock, which the emulator needs.
LIBSSH = """\
import sys
from ssh.key import import_privkey_file
from ssh.options import HOST, USER
from ssh.session import Session
config, host, user, key = sys.argv[1:]
session = Session()
session.options_set(HOST, host)
session.options_parse_config(config)
session.options_set(USER, user)
session.connect()
session.userauth_publickey(import_privkey_file(key))
channel = session.channel_new()
channel.open_session()
channel.request_exec("echo hello; exit 3")
print(channel.read()[1].decode(), end="")
channel.send_eof()
status = channel.get_exit_status()
channel.close()
session.disconnect()
sys.exit(status)
"""

#: How open-remote-ssh runs a ProxyCommand: node makes one socket for each standard stream.
NODE = """\
const fs = require("node:fs");
const { spawn } = require("node:child_process");
const [readers, file, host] = process.argv.slice(2);
const loaded = require(`${readers}/node_modules/ssh-config-5`);
const config = (loaded.default ?? loaded).parse(fs.readFileSync(file, "utf8"));
const found = config.compute(host).ProxyCommand;
const words = (Array.isArray(found) ? found : found.split(" ")).map((word) =>
    word.replace("%n", host));
const proxy = spawn(words[0], words.slice(1), { stdio: ["pipe", "pipe", "inherit"] });
let heard = "";
proxy.stdout.on("data", (data) => {
    heard += data;
    if (heard.includes("\\n")) proxy.stdin.end();
});
proxy.on("close", (code) => {
    console.log(JSON.stringify([code, heard.split("\\n")[0]]));
});
"""

#: Companies share such a configuration. DNS does not know our names, so ssh would fail.
CANONICALIZE = """\
Match canonical all
    LocalForward 1 127.0.0.1:1
    ExitOnForwardFailure yes

Match all
    CanonicalizeHostname always
    CanonicalDomains invalid
    CanonicalizeMaxDots 9
    CanonicalizeFallbackLocal {fallback}
"""


@pytest.fixture
def configured(
    ssh: Ssh, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Configured:
    for name, value in ssh.commands.environ.items():
        monkeypatch.setenv(name, value)
    cloud.add("ExampleCorp", "web.site-1", "Front")
    return Configured(ssh, tmp_path / "my home")


def test_asyncssh_connects_by_name_alone(configured: Configured, sshd: Sshd, cloud: Cloud) -> None:
    import asyncssh  # it starts compilers to find its libraries

    configured.config.parent.parent.mkdir()
    configured.configure()

    async def run() -> asyncssh.SSHCompletedProcess:
        async with asyncssh.connect(
            NAME,
            config=[str(configured.config)],
            username=USER,
            client_keys=[str(sshd.user_key)],
            known_hosts=None,
        ) as connection:
            return await connection.run("echo hello; exit 3")

    done = asyncio.run(asyncio.wait_for(run(), PATIENCE))
    assert (done.exit_status, done.stdout) == (3, "hello\n")
    session = cloud.session()  # still open: asyncssh kills the ProxyCommand with SIGKILL
    cloud.call(lambda: cloud.end_session(session))


def test_paramiko_connects_by_the_section_of_the_name(configured: Configured, sshd: Sshd) -> None:
    """paramiko reads no Include, so it gets the connector's own file."""
    configured.config.parent.parent.mkdir()
    configured.configure()
    found = paramiko.SSHConfig.from_path(str(configured.ours)).lookup(NAME)
    assert found["user"] == "mde-user"

    proxy = paramiko.ProxyCommand(found["proxycommand"])
    client = paramiko.SSHClient()
    try:
        sshd.let_in(client, proxy)
        _, stdout, _ = client.exec_command("echo hello; exit 3", timeout=PATIENCE)
        assert stdout.read() == b"hello\n"
        assert stdout.channel.recv_exit_status() == 3
    finally:
        transport = client.get_transport()
        client.close()
        if transport is not None:
            transport.join(PATIENCE)
        proxy.process.wait(PATIENCE)
        proxy.process.communicate()


def test_libssh_connects_by_name_alone(configured: Configured, sshd: Sshd) -> None:
    pytest.importorskip("ssh.session", reason="ssh-python is not installed")
    configured.config.parent.parent.mkdir()
    configured.configure()

    words = [str(configured.config), NAME, USER, str(sshd.user_key)]
    answer = configured.run(sys.executable, "-c", LIBSSH, *words)
    assert (answer.returncode, answer.stdout) == (3, b"hello\n"), answer.stderr


def literal_command(configured: Configured) -> str:
    """Return the ProxyCommand of the section of the name, for a program without an ssh_config."""
    configured.config.parent.parent.mkdir()
    configured.configure()
    command: str = paramiko.SSHConfig.from_path(str(configured.ours)).lookup(NAME)["proxycommand"]
    return command


def test_plink_of_putty_connects_by_the_command_of_the_section(
    configured: Configured, sshd: Sshd, tmp_path: Path
) -> None:
    key = tmp_path / "key.ppk"
    puttygen, plink = program("puttygen"), program("plink")
    assert configured.run(puttygen, str(sshd.user_key), "-o", str(key)).returncode == 0
    host_key = sshd.known_hosts.read_text().split()[2]
    digest = hashlib.sha256(base64.b64decode(host_key)).digest()
    fingerprint = base64.b64encode(digest).decode().rstrip("=")

    answer = configured.run(
        *(plink, "-batch", "-proxycmd", literal_command(configured), "-i", str(key)),
        *("-hostkey", f"SHA256:{fingerprint}", f"{USER}@{NAME}", "echo hello; exit 3"),
    )
    assert (answer.returncode, answer.stdout) == (3, b"hello\n"), answer.stderr


def test_dbclient_of_dropbear_connects_by_the_command_of_the_section(
    configured: Configured, sshd: Sshd, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    convert = [program("dropbearconvert"), "openssh", "dropbear", str(sshd.user_key), str(key)]
    assert configured.run(*convert).returncode == 0

    answer = configured.run(
        *(program("dbclient"), "-y", "-y", "-J", literal_command(configured), "-i", str(key)),
        *(f"{USER}@{NAME}", "echo hello; exit 3"),
    )
    assert (answer.returncode, answer.stdout) == (3, b"hello\n"), answer.stderr


@pytest.mark.parametrize("name", [NAME, "Front.web.site-1.codecatalyst"])
def test_node_reads_the_greeting_by_the_command_of_the_section(
    configured: Configured, tmp_path: Path, name: str
) -> None:
    node = program("node")
    if not (READERS / "node_modules").is_dir():
        pytest.skip("npm's ssh-config of `make test` is not installed")
    (tmp_path / "client.cjs").write_text(NODE)
    configured.config.parent.parent.mkdir()
    configured.configure()

    answer = configured.run(
        node, str(tmp_path / "client.cjs"), str(READERS), str(configured.ours), name
    )
    code, greeting = json.loads(answer.stdout)
    assert code == 0, answer.stderr
    assert greeting.startswith("SSH-2.0-OpenSSH")


@pytest.mark.parametrize("fallback", ["yes", "no"])
def test_ssh_connects_where_all_hosts_are_canonicalized(
    configured: Configured, fallback: str
) -> None:
    configured.config.parent.mkdir(parents=True, mode=0o700)
    configured.config.write_text(CANONICALIZE.format(fallback=fallback))
    command = configured.command("ssh", NAME, "echo hello")
    assert configured.run(*command).returncode == 255
    configured.configure()

    answer = configured.run(*command)
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    for name in ("front.codecatalyst", "Front.web.site-1.codecatalyst"):
        answer = configured.run(program("ssh"), *configured.command("ssh", name, "echo hello")[1:])
        assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
