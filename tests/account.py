"""A home of its own for ssh, too, in the tests that start it as a user does."""

from __future__ import annotations

from pathlib import Path

import pytest

from manual.account import account_environ, account_home


def own_account(home: Path) -> dict[str, str]:
    """Return the variables that make ``home`` the home of the account, for HOME and for ssh.

    Without nss_wrapper the test is skipped where the account has a configuration of ssh, which
    would then be read; elsewhere HOME alone is set.
    """
    environ = account_environ(home)
    if environ is not None:
        return environ
    real = account_home() / ".ssh"
    if (real / "config").exists() or (real / "known_hosts_codecatalyst").exists():
        pytest.skip("nss_wrapper is not installed, and the account has a configuration of ssh")
    return {"HOME": str(home)}
