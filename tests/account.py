"""An account with a home of its own, for programs that ask the user database and not HOME.

OpenSSH takes ``~`` from the user database. nss_wrapper (Debian: libnss-wrapper) answers for it,
so that no file of the account that runs the tests is read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

#: What the dynamic linker finds by its name alone, as Debian installs it.
_LIBRARY = "libnss_wrapper.so"


def account_environ(home: Path) -> dict[str, str]:
    """Return the variables that make ``home`` the home of the account, for HOME and for ssh.

    Without nss_wrapper the test is skipped where the account has a configuration of ssh, which
    would then be read; elsewhere HOME alone is set.
    """
    environ = {"HOME": str(home)}
    if not _has_wrapper():
        real = Path(os.path.expanduser(f"~{_account()[0]}"), ".ssh")
        if (real / "config").exists() or (real / "known_hosts_codecatalyst").exists():
            pytest.skip("nss_wrapper is not installed, and the account has a configuration of ssh")
        return environ
    name, uid, gid = _account()
    passwd, group = (home.parent / f"{home.name}.{kind}" for kind in ("passwd", "group"))
    passwd.write_text(
        f"{name}:x:{uid}:{gid}:tests:{home}:/bin/sh\n"
        + ("" if name == "sshd" else f"sshd:x:{uid + 1}:{gid}:sshd:/run/sshd:/usr/sbin/nologin\n")
    )
    group.write_text(f"{name}:x:{gid}:\n")
    return environ | {
        "LD_PRELOAD": _LIBRARY,
        "NSS_WRAPPER_PASSWD": str(passwd),
        "NSS_WRAPPER_GROUP": str(group),
    }


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
