"""Remarks on the settings that ``ssh -G`` prints."""

from __future__ import annotations

import pytest

from connector.doctor.sshsettings import Remarks, check_settings
from connector.targets.codecatalyst.kind import KIND


@pytest.mark.parametrize(
    ("value", "remarked"),
    [("no", False), ("false", False), ("yes", True), ("true", True), ("always", True)],
)
def test_canonicalize_hostname_is_a_problem_unless_it_is_off(value: str, remarked: bool) -> None:
    remarks = Remarks()
    settings = {"user": "mde-user", "canonicalizehostname": value}
    check_settings(KIND.ssh, settings, starts=True, wait=600.0, remarks=remarks)

    assert bool(remarks) is remarked
    assert ("CanonicalizeHostname makes ssh search DNS for the name" in remarks.text) is remarked
    assert ("Set CanonicalizeHostname to no for these hosts" in remarks.hint) is remarked


def test_default_settings_are_no_problem() -> None:
    remarks = Remarks()
    check_settings(KIND.ssh, {"user": "mde-user"}, starts=True, wait=600.0, remarks=remarks)

    assert not remarks
