"""The public key that ssh offers to a server first.

The order is that of OpenSSH (``pubkey_prepare`` in sshconnect2.c): keys of the agent that the
configuration names, other keys of the agent, then files. Certificates are left out.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from ..fast.logs import Logger
from ..programs import run_program
from .places import find_ssh, ssh_home

logger = Logger(__name__)

_TIMEOUT = 5.0  # seconds for a program
_OUTPUT_MAX = 1 << 20  # bytes of its output, and of a key's file

_PRIVATE_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_PRIVATE_END = b"-----END OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"


def offered_key(host: str, types: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the first public key that ssh offers to a host by the user's own configuration.

    Options of ssh's command line are not known here: see :func:`key_of_call`.

    :param host: the name that ssh is called with.
    :param types: the types of keys that are of interest: ``ssh-ed25519``.
    :raises OSError: when ssh cannot be run.
    :raises TimeoutError: when it does not answer.
    """
    command = [find_ssh(environ.get("PATH")), "-G", "--", host]
    answer = run_program(command, _TIMEOUT, environ=environ, limit=_OUTPUT_MAX)
    return key_of_call(answer.stdout_text, types, environ)


def key_of_call(printed: str, types: Sequence[str], environ: Mapping[str, str]) -> str | None:
    """Return the first public key that ssh offers: its type and its base64.

    :param printed: by ``ssh -G`` for a call of ssh.
    :param types: the types of keys that are of interest: ``ssh-ed25519``.
    """
    settings = _settings(printed)
    files = [key for key in map(_key_of, settings.get("identityfile", ())) if key]
    agent = list(_agent_keys(settings, environ))
    named = [key for key in agent if key in files]
    if settings.get("identitiesonly", [""])[0] == "yes":
        agent = []
    ordered = [*named, *agent, *files]
    return next((key for key in ordered if key.partition(" ")[0] in types), None)


def _settings(text: str) -> dict[str, list[str]]:
    """Return the settings that ``ssh -G`` prints; some keywords come more than once."""
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        keyword, _, value = line.partition(" ")
        settings.setdefault(keyword.lower(), []).append(value)
    return settings


def _agent_keys(settings: Mapping[str, Sequence[str]], environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the keys of the agent that ssh would ask."""
    socket = settings.get("identityagent", ["SSH_AUTH_SOCK"])[0]
    if socket == "none":
        return
    if socket.startswith("$"):
        socket = environ.get(socket.strip("${}"), "")
    if socket != "SSH_AUTH_SOCK":
        environ = {**environ, "SSH_AUTH_SOCK": _expanded(socket)}
    try:
        listed = run_program(["ssh-add", "-L"], _TIMEOUT, environ=environ, limit=_OUTPUT_MAX)
    except (OSError, TimeoutError) as error:
        logger.info("the keys of the SSH agent are not known: %r", error)
        return
    if listed.status == 0:
        yield from filter(None, map(_bare, listed.stdout.splitlines()))


def _expanded(path: str) -> str:
    """Return a path with ssh's home directory instead of ``~`` or ``%d``."""
    first, slash, rest = path.partition("/")
    return f"{ssh_home()}{slash}{rest}" if first in ("~", "%d") else path


def _key_of(path: str) -> str | None:
    """Return the public key of an identity file, of its .pub, or of the private key in it.

    An identity file may be public itself where the agent has the private key.
    """
    path = _expanded(path)
    for name in (path, f"{path}.pub"):
        with suppress(OSError):  # ssh has default files, of which most do not exist
            if key := _first_key(_read(name)):
                return key
    with suppress(OSError, ValueError):
        return _public_part(_read(path))
    return None


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_OUTPUT_MAX)


def _first_key(content: bytes) -> str | None:
    """Return the first public key in the content of a file."""
    return next(filter(None, map(_bare, content.splitlines())), None)


def _bare(line: bytes) -> str | None:
    """Return type and base64 of a line with a public key, without the comment."""
    words = line.split()
    with suppress(ValueError):
        blob = base64.b64decode(words[1] if len(words) > 1 else b"", validate=True)
        if blob and blob.startswith(len(words[0]).to_bytes(4, "big") + words[0]):
            return b" ".join(words[:2]).decode("ascii")
    return None


def _public_part(content: bytes) -> str | None:
    """Return the public key of a private one, which is not encrypted (PROTOCOL.key of OpenSSH).

    :raises ValueError: when the content has another form.
    """
    before, begin, rest = content.partition(_PRIVATE_BEGIN)
    body, end, _ = rest.partition(_PRIVATE_END)
    data = base64.b64decode(b"".join(body.split()), validate=True)
    if not (begin and end and not before.strip() and data.startswith(_MAGIC)):
        raise ValueError("not a private key of OpenSSH")
    at = len(_MAGIC)
    for _ in range(3):  # cipher, key derivation, its options
        at += 4 + int.from_bytes(data[at : at + 4], "big")
    at += 4  # the number of keys: always 1
    blob = data[at + 4 : at + 4 + int.from_bytes(data[at : at + 4], "big")]
    kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii")
    if not kind:
        raise ValueError("a cut-off private key")
    return f"{kind} {base64.b64encode(blob).decode()}"
