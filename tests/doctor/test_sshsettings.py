"""Remarks on the settings that ``ssh -G`` prints."""

from __future__ import annotations

import pytest

from connector.doctor.sshsettings import Remarks, check_settings, cure_of
from connector.targets.codecatalyst.kind import KIND
from connector.targets.registry import KINDS


def remarks_on(passes: bool = True, starts: bool = True, **settings: str) -> Remarks:
    remarks = Remarks(cure_of(KIND.ssh))
    check_settings(
        KIND.ssh,
        {"user": "mde-user", **settings},
        starts=starts,
        wait=600.0,
        passes_descriptors=lambda: passes,
        remarks=remarks,
    )
    return remarks


@pytest.mark.parametrize(
    ("value", "remarked"),
    [("no", False), ("false", False), ("yes", True), ("true", True), ("always", True)],
)
def test_canonicalize_hostname_is_a_problem_unless_it_is_off(value: str, remarked: bool) -> None:
    remarks = remarks_on(canonicalizehostname=value)

    assert bool(remarks) is remarked
    assert ("CanonicalizeHostname makes ssh search DNS for the name" in remarks.text) is remarked
    assert ("Set CanonicalizeHostname to no for these hosts" in remarks.hint) is remarked


def test_cure_names_every_kind_but_the_one_that_config_ssh_sets_up_anyway() -> None:
    first, *others = KINDS
    assert cure_of(first.load().ssh) == "Run `connector config-ssh`"
    for row in others:
        assert cure_of(row.load().ssh) == f"Run `connector config-ssh --kind {row.name}`"


@pytest.mark.parametrize("name", ["none", "NONE", ""])
def test_cure_has_no_file_where_ssh_reads_its_default_or_none(name: str) -> None:
    assert cure_of(KIND.ssh, name) == "Run `connector config-ssh`"


def test_cure_has_the_file_of_ssh_in_a_form_for_shells() -> None:
    assert cure_of(KIND.ssh, "my file") == "Run `connector config-ssh -F 'my file'`"


def test_default_settings_are_no_problem() -> None:
    assert not remarks_on()
    assert not remarks_on(passes=False)


@pytest.mark.parametrize("timeout", ["15", "660", "none"])
def test_descriptor_makes_every_timeout_good(timeout: str) -> None:
    assert not remarks_on(proxyusefdpass="yes", connecttimeout=timeout)


def test_descriptor_that_ssh_does_not_take_is_a_problem() -> None:
    remarks = remarks_on(passes=False, proxyusefdpass="yes", connecttimeout="15")

    assert remarks.text == "ProxyUseFdpass is yes, but this ssh takes no connection from a program"
    assert remarks.hint == "Set ProxyUseFdpass to no for these hosts"


def test_short_timeout_has_two_cures_where_ssh_takes_descriptors() -> None:
    timeout = "ConnectTimeout to 660, or start the target first"

    assert remarks_on(connecttimeout="15").hint == f"Set ProxyUseFdpass to yes, or {timeout}"
    assert remarks_on(passes=False, connecttimeout="15").hint == f"Set {timeout}"
    assert not remarks_on(connecttimeout="15", starts=False)
