"""What a report leaves out, and what it keeps."""

from __future__ import annotations

import os
import platform

import pytest

from connector.doctor.redaction import Redactor
from connector.errors import quoted


@pytest.fixture
def redactor(monkeypatch: pytest.MonkeyPatch) -> Redactor:
    monkeypatch.setenv("HOME", "/home/mary.major")
    monkeypatch.setenv("LOGNAME", "mmajor")
    monkeypatch.setattr(platform, "node", lambda: "marys-laptop")
    return Redactor()


def test_names_of_the_user_and_the_machine(redactor: Redactor) -> None:
    text = redactor.text("mmajor on marys-laptop, /home/mary.major/.aws/config")
    assert text == "<user> on <machine>, ~/.aws/config"
    assert redactor.text("/home/mary.majorette/x") == "/home/mary.majorette/x"


def test_a_name_in_any_case_but_whole(redactor: Redactor) -> None:
    redactor.hide("space", "ExampleCorp")

    assert redactor.text("EXAMPLECORP/examplecorp.") == "<space>/<space>."
    assert redactor.text("ExampleCorporation") == "ExampleCorporation"


def test_names_of_all_alphabets(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/\u0141ukasz")
    redactor = Redactor()
    redactor.hide("user", "\u00c9mile")
    redactor.hide("user", "\u0130pek")

    assert redactor.text("/home/\u0141ukasz/.ssh") == "~/.ssh"
    assert redactor.text("\u00c9mile, \u00e9mile, \u0130pek.") == "<user>, <user>, <user>."


@pytest.mark.parametrize("name", ["\u00c9mile", "caf\u00e9\x1b[2J", "x" * 300, "a'b", "a\\b"])
def test_a_name_as_an_error_quotes_it(redactor: Redactor, name: str) -> None:
    redactor.hide("host", name)

    assert redactor.text(f"no {quoted(name)}, no") in ("no '<host>', no", 'no "<host>", no')


def test_of_the_kinds_of_a_name_the_last_counts(redactor: Redactor) -> None:
    for kind, name in (("name", "Mary"), ("user", "mary"), ("host", "Mary")):
        redactor.hide(kind, name)
        assert redactor.text("MARY") == f"<{kind}>"


@pytest.mark.parametrize("last", ["project", "environment"])
def test_the_longest_name_counts(redactor: Redactor, last: str) -> None:
    names = {"project": "web", "environment": "api of web"}
    for kind in sorted(names, key=lambda kind: kind == last):
        redactor.hide(kind, names[kind])

    assert redactor.text("api of web, web") == "<environment>, <project>"


def test_a_single_letter_is_no_name(redactor: Redactor) -> None:
    redactor.hide("name", "a")
    redactor.hide("name", "bc")

    assert redactor.text("a, bc") == "a, <name>"


def test_a_placeholder_is_no_name(redactor: Redactor) -> None:
    redactor.hide("space", "project")
    redactor.hide("project", "space")

    assert redactor.text("space/project") == "<project>/<space>"


def test_names_of_the_guide_stay(redactor: Redactor) -> None:
    redactor.hide("profile", "codecatalyst")
    redactor.hide("profile", "default")
    redactor.hide("start-url", "https://view.awsapps.com/start")

    text = "profile codecatalyst or default, https://view.awsapps.com/start"
    assert redactor.text(text) == text


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("localhost", "localhost"),
        ("codecatalyst.global.api.aws", "codecatalyst.global.api.aws"),
        ("ssmmessages.us-west-2.amazonaws.com", "ssmmessages.us-west-2.amazonaws.com"),
        ("10.20.30.40", "<gateway>"),
        ("vpce-0a1b.ssmmessages.us-west-2.vpce.amazonaws.com", "<gateway>"),
        ("proxy.acme.example", "<gateway>"),
    ],
)
def test_hosts(redactor: Redactor, host: str, shown: str) -> None:
    redactor.hide_host("gateway", host)

    assert redactor.text(f"to {host}:443") == f"to {shown}:443"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("wss://h/v1/s?role=x&X-Amz-Signature=1f2e, ok", "wss://h/v1/s?... ok"),
        ("http://mary:pass@proxy:3128", "http://proxy:3128"),
        ("write to mary.major+x@mail.example.com!", "write to <email>!"),
        ("Did you mean A-b.c.codecatalyst or d.codecatalyst?", "Did you mean <host> or <host>?"),
        ("ssh codecatalyst-dev-env=a=b=c", "ssh <host>"),
        ("cannot list the project a/b.c (500)", "cannot list the project <project> (500)"),
        ("to list the space a: Broken", "to list the space <space>: Broken"),
        ("Look at the space's billing", "Look at the space's billing"),
        ("codecatalyst.global.api.aws", "codecatalyst.global.api.aws"),
        ("01234567-89ab-CDEF-0123-456789abcdef", "<id>"),
    ],
)
def test_what_is_private_by_its_form(redactor: Redactor, text: str, shown: str) -> None:
    assert redactor.text(text) == shown


def test_a_document_keeps_its_members(redactor: Redactor) -> None:
    redactor.hide("space", "status")
    document = {"status": ["status", 1, None, {"space": "of status"}]}

    assert redactor.value(document) == {"status": ["<space>", 1, None, {"space": "of <space>"}]}


def test_a_home_that_is_the_root_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.sep)

    assert Redactor().text("/etc/ssl") == "/etc/ssl"
