"""The names that ``import connector`` offers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

import connector


def test_public_name_exists_and_is_documented() -> None:
    assert set(connector.__all__) - set(dir(connector)) == set()
    assert [name for name in connector.__all__ if not getattr(connector, name).__doc__] == []


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'connector' has no attribute 'conect'"):
        connector.conect  # type: ignore[attr-defined]  # noqa: B018


def test_no_name_hides_a_module() -> None:
    for name in connector.__all__:
        with pytest.raises(ModuleNotFoundError):
            import_module(f"connector.{name}")


def test_package_declares_that_it_is_typed() -> None:
    assert (Path(connector.__file__).parent / "py.typed").exists()


def test_both_functions_have_the_same_parameters() -> None:
    assert signature(connector.open_socket).parameters == signature(connector.connect).parameters


@pytest.mark.parametrize("way", [connector.open_socket, connector.connect])
@pytest.mark.parametrize("name", ["wait", "ping_interval", "payload_size"])
def test_number_out_of_range_is_refused_with_its_name(
    way: Callable[..., object], name: str
) -> None:
    with pytest.raises(connector.ConfigError, match=f"argument {name} is 0, which is not"):
        way("my-env", **{name: 0})


def test_open_socket_needs_no_asyncio() -> None:
    program = "import sys, connector; connector.open_socket; print('asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_warnings_are_not_printed_without_a_logging_setup() -> None:
    program = (
        "import logging, connector; connector.open_socket; "
        "logging.getLogger('connector.aws.sso.oidc').warning('a word')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
