"""Which settings that ``ssh -G`` prints are remarked on."""

from __future__ import annotations

import pytest

from connector.doctor.sshsettings import Remarks, check_settings
from connector.targets.codecatalyst.ssh import SSH


@pytest.mark.parametrize(
    ("value", "remarked"),
    [("no", False), ("false", False), ("yes", True), ("true", True), ("always", True)],
)
def test_canonicalize_hostname_is_remarked_on_where_ssh_accepts_it(
    value: str, remarked: bool
) -> None:
    remarks = Remarks()
    settings = {"user": "mde-user", "canonicalizehostname": value}
    check_settings(SSH, settings, starts=True, wait=600.0, remarks=remarks)

    assert bool(remarks) is remarked
    assert ("CanonicalizeHostname has ssh look for the name in DNS" in remarks.text) is remarked
    assert ("Set CanonicalizeHostname to no for these hosts" in remarks.hint) is remarked


def test_settings_without_canonicalize_hostname_are_not_remarked_on() -> None:
    remarks = Remarks()
    check_settings(SSH, {"user": "mde-user"}, starts=True, wait=600.0, remarks=remarks)

    assert not remarks
