"""A separate home directory, also for ssh, for tests that start ssh as a user does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from manual.account import account_environ, account_home


def own_account(home: Path) -> dict[str, str]:
    """Return the variables that make ``home`` the account's home, for HOME and for ssh.

    ssh ignores HOME. Without nss_wrapper, the test is skipped if the account has an ssh
    configuration, which ssh would read. Otherwise HOME alone is set.
    """
    environ = account_environ(home)
    if environ is not None:
        return environ
    real = account_home() / ".ssh"
    if (real / "config").exists() or (real / "known_hosts_codecatalyst").exists():
        pytest.skip("nss_wrapper is not installed, and the account has a configuration of ssh")
    return {"HOME": str(home)}


def hide_real_home(home: str) -> None:
    """Let code in this process find a home in the user database, too, instead of the real one.

    Programs that it starts find the real one there: :func:`own_account` is for them.
    """
    if sys.platform == "win32":
        return
    import pwd

    of_account = pwd.getpwuid

    def with_home_of_tests(uid: int) -> pwd.struct_passwd:
        found = of_account(uid)
        return pwd.struct_passwd((*found[:5], home, *found[6:]))

    pwd.getpwuid = with_home_of_tests
