"""How messages are found in source text, on small sources of their own."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from manual.harvest import Unseen, harvest

ERRORS = """
class ConnectorError(Exception): ...
class ConfigError(ConnectorError): ...
class ProxyFailed(ConfigError):
    @classmethod
    def of(cls, host):
        return cls(f"{host} says no")
"""


def found(directory: Path, source: str) -> list[tuple[str, str]]:
    (directory / "errors.py").write_text(ERRORS)
    (directory / "module.py").write_text(textwrap.dedent(source))
    messages = harvest(directory).messages
    return [(m.kind, m.text) for m in messages if m.place.startswith("module.py")]


def test_words_become_a_template_with_a_field_for_what_only_a_run_knows(tmp_path: Path) -> None:
    source = """
    def open_it(path, error):
        raise ConfigError(f"the file {path.name} is lost ({reason(error)})", "Find it")
    """
    expected = [("ConfigError", "The file {name} is lost ({error})")]
    assert found(tmp_path, source) == expected


def test_words_that_a_function_puts_together_are_followed(tmp_path: Path) -> None:
    source = """
    FORM = "a=b"
    def check(host, parts):
        shown = f"the host {host}"
        problem = "has no name" if not host else f"is not {FORM}"
        more = f": {parts}" if parts else ""
        raise ConfigError(f"{shown} {problem}{more}")
    """
    assert found(tmp_path, source) == [
        ("ConfigError", "The host {host} has no name{more}"),
        ("ConfigError", "The host {host} is not a=b{more}"),
    ]


def test_what_a_private_function_is_handed_is_followed_class_and_words_together(
    tmp_path: Path,
) -> None:
    source = """
    def dial(host, proxy):
        _connect(ConfigError, f"the host {host}")
        _connect(ProxyFailed, str(proxy))
    def _connect(failure, whom):
        raise failure(f"{whom} does not answer")
    """
    assert found(tmp_path, source) == [
        ("ConfigError", "The host {host} does not answer"),
        ("ProxyFailed", "{whom} does not answer"),
    ]


def test_what_a_function_of_the_module_answers_is_followed(tmp_path: Path) -> None:
    source = """
    def fail(error):
        raise ConfigError(f"it broke: {_why(error, 'the file')}")
    def _why(error, what):
        if error.line:
            return f"{what} ends in line {error.line}"
        return "the reason is unknown"
    """
    assert set(found(tmp_path, source)) == {
        ("ConfigError", "It broke: the file ends in line {line}"),
        ("ConfigError", "It broke: the reason is unknown"),
    }


def test_lines_and_usage_errors_are_messages_too(tmp_path: Path) -> None:
    source = """
    def show(line, text):
        say(line)
        say("no browser here")
        logger.warning("it was not saved (%s)", text)
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
        parser.error("a command is missing")
    """
    assert found(tmp_path, source) == [
        ("line", "no browser here"),
        ("line", "it was not saved ({})"),
        ("usage", "{text} is no port"),
        ("usage", "a command is missing"),
    ]


def test_a_whole_message_that_is_handed_on_is_known_by_where_it_was_caught(tmp_path: Path) -> None:
    source = """
    def load():
        try:
            read()
        except Unusable as problem:
            raise ConfigError(str(problem)) from None
    """
    assert found(tmp_path, source) == []
    assert harvest(tmp_path).handed_on == {("Unusable", "ConfigError")}


def test_the_class_of_a_factory_is_that_of_its_class(tmp_path: Path) -> None:
    found(tmp_path, "")
    assert [m.key for m in harvest(tmp_path).messages] == [("ProxyFailed", "{} says no")]


@pytest.mark.parametrize(
    "raising",
    [
        "raise ConfigError(words())",
        "raise ConfigError(self.words)",
        "raise KINDS.get(code, ConfigError)('it broke')",
        "raise code('it broke')",
    ],
)
def test_words_that_cannot_be_followed_are_an_error_that_names_the_place(
    raising: str, tmp_path: Path
) -> None:
    with pytest.raises(Unseen, match=r"^module.py:3: "):
        found(tmp_path, f"\ndef fail(self, code):\n    {raising}\n")


def test_the_whole_words_of_an_exception_that_is_none_of_ours_are_an_error(tmp_path: Path) -> None:
    source = """
    def load():
        try:
            read()
        except OSError as error:
            raise ConfigError(str(error)) from None
    """
    with pytest.raises(Unseen, match="its text is that of OSError"):
        found(tmp_path, source)
