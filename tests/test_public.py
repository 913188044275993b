"""What ``import connector`` offers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path

import pytest

import connector


@pytest.mark.parametrize("name", connector.__all__)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert name in dir(connector)
    assert getattr(connector, name).__doc__


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="'connector' has no attribute 'conect'"):
        connector.conect  # type: ignore[attr-defined]  # noqa: B018


def test_no_name_hides_a_module() -> None:
    for name in connector.__all__:
        with pytest.raises(ModuleNotFoundError):
            import_module(f"connector.{name}")


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(connector.__file__).parent / "py.typed").exists()


def test_both_ways_have_the_same_parameters() -> None:
    assert signature(connector.open_socket).parameters == signature(connector.connect).parameters


@pytest.mark.parametrize("way", [connector.open_socket, connector.connect])
@pytest.mark.parametrize("name", ["wait", "ping_interval", "payload_size"])
def test_a_number_out_of_its_range_is_refused_by_its_name(
    way: Callable[..., object], name: str
) -> None:
    with pytest.raises(connector.ConfigError, match=f"argument {name} is 0, which is not"):
        way("my-env", **{name: 0})


def test_the_sync_half_needs_no_asyncio() -> None:
    program = "import sys, connector; connector.open_socket; print('asyncio' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"


def test_warnings_are_not_printed_where_a_program_has_no_logging() -> None:
    program = (
        "import logging, connector; connector.open_socket; "
        "logging.getLogger('connector.aws.sso.renewal').warning('a word')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_no_module_is_hidden_from_the_other_threads_of_a_program() -> None:
    program = (
        "import sys, connector; connector.open_socket; import connector.transport.websocket; "
        "print('connector.fast.lean' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"False\n"
