"""Loggers that leave ``logging`` out until there is something to write."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from connector.fast.logs import Logger

PROGRAM = """
import sys
from connector.fast.logs import Logger, set_up_later, set_up_now
def set_up():
    import logging
    print("set up")
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
set_up_later(set_up)
logger = Logger("connector.test")
logger.info("one %d", 1)
logger.debug("one", exc_info=True)
print("logging" in sys.modules, logger.isEnabledFor(50))
"""


def run(program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_no_log_takes_imports_nothing() -> None:
    assert run("") == ["False False"]


def test_first_warning_sets_the_log_up_once() -> None:
    said = run("logger.warning('two %s', 2); logger.warning('three'); logger.info('four')")
    assert said == [
        "False False",
        "set up",
        "WARNING connector.test two 2",
        "WARNING connector.test three",
    ]


def test_log_is_set_up_before_other_code_imports_logging() -> None:
    assert run("set_up_now(); set_up_now()") == ["False False", "set up"]


def test_log_is_set_up_at_once_when_logging_is_there() -> None:
    again = "print('again'); set_up_later(set_up)"
    assert run(f"import logging; {again}") == ["False False", "again", "set up"]


def test_program_that_has_imported_logging_gets_all_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = Logger("connector.test")
    with caplog.at_level(5, "connector.test"):
        assert logger.isEnabledFor(5)
        logger.log(5, "%s", "a")
        try:
            raise ValueError("b")
        except ValueError:
            logger.debug("c", exc_info=True)
        logger.warning("d")
    assert [record.getMessage() for record in caplog.records] == ["a", "c", "d"]
    assert [record.levelno for record in caplog.records] == [5, logging.DEBUG, logging.WARNING]
    assert caplog.records[1].exc_info is not None
    assert isinstance(caplog.records[1].exc_info[1], ValueError)
    assert {record.funcName for record in caplog.records} == {
        "test_program_that_has_imported_logging_gets_all_records"
    }
