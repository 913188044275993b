"""The known host keys of targets that get new keys with each start.

ssh reads its known keys only when it has the server's greeting (``ssh_login`` of sshconnect.c). The
connector carries the greeting, so it can make the file fit the start that answers just before.
Then ssh accepts the first key of each start, and still rejects a key that changes within one.

The file itself says, in comments, to which start the keys of a host belong. So this knowledge and
the keys are never apart.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from ..fast.logs import Logger
from ..files import FileProblem, make_directory_of, read_own_text, reason, replace_file

_MARK = "# connector: the keys of {host} are those of {start}"

logger = Logger(__name__)


def keep_keys_of_start(known_hosts: str, hosts: Sequence[str], start: str) -> None:
    """Remove the known keys of hosts, unless they belong to this start of their target.

    A file that cannot be read or written stays as it is, and ssh rejects a new key.

    :param known_hosts: a file as ssh's UserKnownHostsFile names it.
    :param hosts: names under which ssh stores the target's keys.
    :param start: tells this start of the target from all others.
    """
    if set(known_hosts) & set("%$"):
        logger.info("%s is not changed, since ssh replaces a part of its name", known_hosts)
        return
    path = _path_of(known_hosts)
    if path.startswith("~"):
        logger.info("%s is not changed, since there is no such user", known_hosts)
        return
    path = os.path.realpath(path)  # a link stays one
    try:
        text, status = read_own_text(path), os.stat(path)
    except FileNotFoundError:
        text, status = "", None
    except FileProblem as problem:
        logger.info("%s %s", path, problem)
        return
    # Only "\n" ends a line for ssh.
    lines = text.removesuffix("\n").split("\n") if text else []
    kept = lines
    for host in dict.fromkeys(host.lower() for host in hosts if host and not _splits(host)):
        mark = _MARK.format(host=host, start=" ".join(start.split()))
        if mark not in kept:
            logger.info("forgetting the host keys of earlier starts of %s", host)
            kept = [line for line in kept if not _is_about(line, host)] + [mark]
    if kept is lines:
        return
    try:
        make_directory_of(path)
        replace_file(path, "".join(f"{line}\n" for line in kept).encode(), like=status)
    except OSError as error:
        logger.info("%s cannot be written (%s)", path, reason(error))


def _splits(host: str) -> bool:
    """Return whether a name would be two words of the file. ssh has no such name either."""
    return host.split() != [host]


def _is_about(line: str, host: str) -> bool:
    """Return whether a line holds a key of the host, or says whose its keys are."""
    if line.startswith(_MARK.format(host=host, start="")):
        return True
    names = line.partition(" ")[0].split(",")
    return any(
        name == host or name.startswith(f"[{host}]:") or _is_hash_of(name, host) for name in names
    )


def _is_hash_of(name: str, host: str) -> bool:
    """Return whether a name is the host's hash, which HashKnownHosts makes: |1|salt|HMAC-SHA1."""
    if not name.startswith("|1|"):
        return False
    import hmac
    from binascii import Error, a2b_base64

    try:
        salt, digest = map(a2b_base64, name.split("|")[2:])
    except (Error, ValueError):
        return False
    return hmac.compare_digest(hmac.digest(salt, host.encode(), "sha1"), digest)


def _path_of(setting: str) -> str:
    """Return the path that ssh reads in a setting: ``~`` is the home in the user database."""
    home = os.path.expanduser("~")
    if sys.platform != "win32":
        import pwd

        with suppress(KeyError):  # an id without a name, as in some containers
            home = pwd.getpwuid(os.getuid()).pw_dir
    if setting.startswith("~/"):
        return os.path.join(home, setting[2:])
    return os.path.expanduser(setting)
