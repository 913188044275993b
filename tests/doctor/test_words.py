"""Texts with words and values: a report shows words only, and no value can pass for words."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import connector
from connector.doctor.words import Harmless, joined, words

ROOT = Path(connector.__file__).parent
SOURCES = sorted([*ROOT.glob("doctor/*.py"), *ROOT.glob("targets/*/doctor.py")])
COMMAND = ROOT / "cli/doctor.py"

#: The files that may call a value harmless, and the values for which they do.
MAY_SAY_HARMLESS = {
    "doctor.py",  # of a kind of target: names of variables, from our source; a time that we write
    "public.py",  # values that equal a known one
    "findings.py",  # names of our classes, of legs and of places in our source
    "network.py",  # names of variables, from our source; Python's names of TLS versions
    "session.py",  # names of steps, from our source
    "installed.py",  # names of features and packages, from our source
    "sshconfig.py",  # names of variables and a user, from our source; digits
    "sshlogin.py",  # a user, from our source
    "sshsettings.py",  # a user, from our source
    "words.py",
}


def hidden(name: str, value: str) -> str:
    return f"<{name}>"


def test_report_shows_words_and_hides_values() -> None:
    text = words("ssh {host} runs", host="my-env")

    assert text == "ssh my-env runs"
    assert text.without_values(hidden) == "ssh <host> runs"


def test_report_shows_numbers_and_harmless_values() -> None:
    text = words("{host}:{port} after {time:.1f} s", host=Harmless("::1"), port=443, time=1.234)

    assert text.without_values(hidden) == text == "::1:443 after 1.2 s"


def test_report_shows_the_words_of_a_nested_text() -> None:
    text = words("{cure}, then again", cure=words("run `{command}`", command="x"))

    assert text.without_values(hidden) == "run `<command>`, then again"


def test_value_with_braces_is_not_a_template() -> None:
    text = words("it says {answer}", answer="{host} {0} {")

    assert text == "it says {host} {0} {"
    assert text.without_values(hidden) == "it says <answer>"


def test_joined_texts_keep_words_and_values_apart() -> None:
    texts = [words("no {name}", name="a"), words("two")]

    assert joined("; ", texts) == "no a; two"
    assert joined("; ", texts).without_values(hidden) == "no <name>; two"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words("there is none"), "There is none"),
        (words("{host} is none", host="api"), "api is none"),
        (words("{what} is none", what=words("it")), "It is none"),
    ],
)
def test_only_a_first_word_gets_a_capital(text: str, expected: str) -> None:
    assert text.capitalised == expected  # type: ignore[attr-defined]


def calls(path: Path, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def test_every_template_is_a_literal() -> None:
    found = 0
    for path in (*SOURCES, COMMAND):
        for call in calls(path, "words"):
            template, *rest = call.args
            assert isinstance(template, ast.Constant), f"{path.name}:{call.lineno}"
            assert rest == [], f"{path.name}:{call.lineno}"
            found += 1
    assert found > 100


def test_only_known_files_call_a_value_harmless() -> None:
    assert {path.name for path in SOURCES if any(calls(path, "Harmless"))} <= MAY_SAY_HARMLESS
