"""What a report shows of findings, and which values it hides."""

from __future__ import annotations

from collections.abc import Callable

from connector.doctor import public
from connector.doctor.findings import Finding, Leg, Result, examine
from connector.doctor.words import Harmless, Report, words
from connector.errors import ServiceError


def found(result: Result) -> Finding:
    return Finding(Leg("leg", "leg", lambda: result), result, 0.1)


def test_same_value_has_the_same_placeholder() -> None:
    report = Report()
    texts = [
        words("from {host} to {other}", host="a.example", other="b.example"),
        words("{host} and {host2}", host="c.example", host2="a.example"),
    ]
    shown = [report.finding(found(Result(text))).result.text for text in texts]

    assert shown == ["from <host-1> to <other-1>", "<host-2> and <host-1>"]


def test_plain_strings_are_hidden() -> None:
    shown = Report().finding(found(Result("secret", hint="Run `secret`"))).result

    assert (shown.text, shown.hint) == ("<text-1>", "<hint-1>")


def test_facts_keep_names_numbers_and_harmless_values() -> None:
    facts = {
        "port": 22,
        "ok": True,
        "proxy": None,
        "source": Harmless("system"),
        "addresses": ["10.1.2.3", Harmless("::1")],
        "steps": {"dial": 0.1},
        "user": "mary",
        "nothing": "",
    }

    assert Report().finding(found(Result("", facts=facts))).result.facts == {
        "port": 22,
        "ok": True,
        "proxy": None,
        "source": "system",
        "addresses": ["<addresses-1>", "::1"],
        "steps": {"dial": 0.1},
        "user": "<user-1>",
        "nothing": "",
    }


def test_states_of_the_kind_are_shown() -> None:
    result = Result(words("it is {state}", state="AFLOAT"), facts={"status": "AFLOAT", "was": "X"})
    shown = Report(("AFLOAT", "SUNK")).finding(found(result)).result

    assert (shown.text, shown.facts) == ("it is AFLOAT", {"status": "AFLOAT", "was": "<was-1>"})


def test_error_without_words_is_shown_by_its_kind_and_place() -> None:
    def fail() -> Result:
        raise ServiceError("it said arn:aws:secret")

    (finding,) = examine([Leg("leg", "leg", fail)], lambda leg: None)
    assert finding.result.text == "It said arn:aws:secret"
    shown = Report().finding(finding).result.text
    assert shown.startswith("ServiceError in doctor/findings.py:")
    assert shown.endswith("cannot be understood (<message-1>)")


def test_common_values_are_harmless() -> None:
    cases: list[tuple[Callable[[str], str], str, bool]] = [
        (public.host, "127.0.0.1", True),
        (public.host, "::1", True),
        (public.host, "localhost", True),
        (public.host, "codecatalyst.global.api.aws", True),
        (public.host, "codecatalyst-fips.global.api.aws", True),
        (public.host, "acme.codecatalyst.global.api.aws", False),
        (public.host, "ssmmessages.us-west-2.amazonaws.com", True),
        (public.host, "ssmmessages.acme-west-2.amazonaws.com", False),
        (public.host, "10.20.30.40", False),
        (public.host, "vpce-0a1b.ssmmessages.us-west-2.vpce.amazonaws.com", False),
        (public.host, "localhost.acme.example", False),
        (public.region, "eu-west-1", True),
        (public.region, "eu-west-1x", False),
        (public.version, "1.42.0", True),
        (public.version, "0.1.0+acme", False),
        (public.ssh_version, "OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026", True),
        (public.ssh_version, "OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", True),
        (public.ssh_version, "OpenSSH_9.9p1, LibreSSL 3.3.6", True),
        (public.ssh_version, "OpenSSH_9.2p1 Debian-2+acme", False),
        (public.greeting, "SSH-2.0-OpenSSH_9.6p1 Ubuntu-3ubuntu13.5", True),
        (public.greeting, "SSH-2.0-paramiko_3.4.0", True),
        (public.greeting, "SSH-2.0-acme", False),
        (public.issuer, "Amazon, Amazon RSA 2048 M02", True),
        (public.issuer, "Amazon, Acme", False),
        (public.date, "Jan  1 00:00:00 2027 GMT", True),
        (public.date, "tomorrow", False),
        (public.distribution, "Debian GNU/Linux 12 (bookworm)", True),
        (public.distribution, "Ubuntu 24.04.1 LTS", True),
        (public.distribution, "Acme Linux", False),
        (public.kernel, "6.8.0-45-generic", True),
        (public.kernel, "6.8.0-acme", False),
        (public.tls_library, "OpenSSL 3.0.19 27 Jan 2026", True),
        (public.tls_library, "OpenSSL 3.0.19 acme", False),
    ]
    assert [known(value) for known, value, _ in cases] == [value for _, value, _ in cases]
    assert [
        value
        for known, value, harmless in cases
        if isinstance(known(value), Harmless) is not harmless
    ] == []
