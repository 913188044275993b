"""Programs and libraries that read ssh_config, each with a function that asks it about one host."""

from __future__ import annotations

import atexit
import ctypes
import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import paramiko
import pytest

from connector.programs import run_program
from connector.ssh.check import SshClient

from ..endtoend.sshd import program

READERS = Path(__file__).with_name("readers")


class Meaning(NamedTuple):
    """The settings that a reader finds for a host.

    :ivar command: the words of the ProxyCommand as it would be run; ``None``: there is none.
    :ivar alias: HostKeyAlias; ``None`` also if the reader does not know this setting.
    """

    user: str | None
    command: list[str] | None
    alias: str | None = None


Read = Callable[[Path, str], Meaning]


def openssh(config: Path, host: str) -> Meaning:
    answer = SshClient(program("ssh"), run_program).ask(config, host, canonicalize=True)
    assert answer.settings, answer.complaint
    command = answer.value("proxycommand")
    # ssh replaces %n when it connects.
    words = shlex.split(command.replace("%n", host)) if command else None
    return Meaning(answer.value("user"), words, answer.value("hostkeyalias"))


def of_paramiko(config: Path, host: str) -> Meaning:
    found = paramiko.SSHConfig.from_path(str(config)).lookup(host)
    command = found.get("proxycommand")
    return Meaning(
        found.get("user"), shlex.split(command) if command else None, found.get("hostkeyalias")
    )


def of_asyncssh(config: Path, host: str) -> Meaning:
    import asyncssh  # it starts compilers to find its libraries

    options = asyncssh.SSHClientConnectionOptions(config=[str(config)], host=host)
    command = list(options.proxy_command) if options.proxy_command else None
    return Meaning(options.username, command, options.host_key_alias or None)


@cache
def _node() -> subprocess.Popen[str]:
    """Return the process that reads for all tests: a start of node takes longer than they do."""
    node = shutil.which("node")
    if node is None or not (READERS / "node_modules").is_dir():
        pytest.skip("node, or npm's ssh-config of `make test`, is not installed")
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [node, "read.cjs"], cwd=READERS, stdin=pipe, stdout=pipe, text=True, bufsize=1
    )
    atexit.register(process.communicate)
    return process


def _npm(major: int) -> Read:
    def read(config: Path, host: str) -> Meaning:
        node = _node()
        assert node.stdin is not None
        assert node.stdout is not None
        print(json.dumps([major, str(config), host]), file=node.stdin)
        found = json.loads(node.stdout.readline())
        command = found.get("ProxyCommand")
        if isinstance(command, str):
            command = shlex.split(command)
        # Open Remote-SSH and VS Code's ssh do the same.
        words = [word.replace("%n", host) for word in command] if command else None
        return Meaning(found.get("User"), words, found.get("HostKeyAlias"))

    return read


def libssh(config: Path, host: str) -> Meaning:
    """Ask the C library inside ssh-python, whose own options_get returns nothing."""
    module = pytest.importorskip("ssh.session", reason="ssh-python is not installed")
    (path,) = Path(module.__file__).parent.parent.glob("ssh_python.libs/libssh-*")
    library = ctypes.CDLL(str(path))
    library.ssh_new.restype = ctypes.c_void_p
    session = ctypes.c_void_p(library.ssh_new())

    def get(option: int) -> str | None:
        value = ctypes.c_char_p()
        if library.ssh_options_get(session, option, ctypes.byref(value)) or value.value is None:
            return None
        return value.value.decode()

    try:
        assert library.ssh_options_set(session, _LIBSSH_HOST, host.encode()) == 0, host
        assert library.ssh_options_parse_config(session, str(config).encode()) == 0
        command = get(_LIBSSH_PROXYCOMMAND)
        return Meaning(get(_LIBSSH_USER), shlex.split(command) if command else None)
    finally:
        library.ssh_free(session)


#: Values of ``enum ssh_options_e`` in libssh.h.
_LIBSSH_HOST, _LIBSSH_USER, _LIBSSH_PROXYCOMMAND = 0, 4, 19


def connect_libssh(config: Path, host: str) -> str:
    """Let libssh run the ProxyCommand; return the reason why it does not connect."""
    session_module = pytest.importorskip("ssh.session", reason="ssh-python is not installed")
    from ssh.exceptions import SSHError
    from ssh.options import HOST

    session = session_module.Session()
    session.options_set(HOST, host)
    session.options_parse_config(str(config))
    try:
        session.connect()
    except SSHError:
        return str(session.get_error())
    return ""


ALL: dict[str, Read] = {
    "OpenSSH": openssh,
    "paramiko": of_paramiko,
    "asyncssh": of_asyncssh,
    "ssh-config 4": _npm(4),
    "ssh-config 5": _npm(5),
    "libssh": libssh,
}
