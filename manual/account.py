"""Give programs a temporary home, even those that ask the user database instead of HOME.

OpenSSH takes ``~`` from the user database. With nss_wrapper (Debian: libnss-wrapper) it finds the
temporary home there, and reads and writes no files of the real account.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: The name by which the dynamic linker finds the library, as Debian installs it.
_LIBRARY = "libnss_wrapper.so"


def account_environ(home: Path) -> dict[str, str] | None:
    """Return the variables that make ``home`` the home of the account, for HOME and for ssh.

    :returns: ``None`` where nss_wrapper is not installed.
    """
    if not _has_wrapper():
        return None
    name, uid, gid = _account()
    passwd, group = (home.parent / f"{home.name}.{kind}" for kind in ("passwd", "group"))
    passwd.write_text(
        f"{name}:x:{uid}:{gid}:connector:{home}:/bin/sh\n"
        + ("" if name == "sshd" else f"sshd:x:{uid + 1}:{gid}:sshd:/run/sshd:/usr/sbin/nologin\n")
    )
    group.write_text(f"{name}:x:{gid}:\n")
    return {
        "HOME": str(home),
        "LD_PRELOAD": _LIBRARY,
        "NSS_WRAPPER_PASSWD": str(passwd),
        "NSS_WRAPPER_GROUP": str(group),
    }


def account_home() -> Path:
    """Return the home that the user database names."""
    return Path(os.path.expanduser(f"~{_account()[0]}"))


def _account() -> tuple[str, int, int]:
    import pwd

    entry = pwd.getpwuid(os.getuid())
    return entry.pw_name, entry.pw_uid, entry.pw_gid


def _has_wrapper() -> bool:
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return False
    return True
