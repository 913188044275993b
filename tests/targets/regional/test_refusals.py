"""What users read of refusals and of targets that do not run, and what the service may say."""

from __future__ import annotations

import pytest

from connector.aws.api import Refused
from connector.errors import (
    AccessDenied,
    ConfigError,
    ConnectorError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceMissing,
    ServiceThrottled,
    TargetNotFound,
    TargetNotReady,
)
from connector.targets.model import COMMAND, FAILED, GONE, STOPPED, STOPPING, SessionRequest, State
from connector.targets.refusals import not_running, quote
from connector.targets.regional.refusals import explain

from . import lamp


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (403, "SomethingDenied", AccessDenied),
        (400, "UnauthorizedOperation", AccessDenied),
        (404, "Other", TargetNotFound),
        (400, "InvalidInstanceID.NotFound", TargetNotFound),
        (429, "TooManyRequests", ServiceThrottled),
        (503, "RequestLimitExceeded", ServiceThrottled),
        (429, "LampLimitExceeded", QuotaExceeded),
        (400, "LampQuotaExceeded", QuotaExceeded),
        (409, "LampInUse", TargetNotReady),
        (418, "Teapot", RequestRefused),
        (500, "Broken", ServiceError),
    ],
)
def test_status_and_code_tell_the_kind_of_a_refusal(
    status: int, code: str, kind: type[ConnectorError]
) -> None:
    error = explain(Refused(status, code, "its own words."), "light the lamp desk", "Lampworks")
    assert type(error) is kind
    assert error.message.endswith(": its own words")


@pytest.mark.parametrize(
    ("status", "code"), [(404, "404"), (400, "UnknownOperationException"), (400, "InvalidAction")]
)
def test_endpoint_without_the_operation_does_not_serve_the_service(status: int, code: str) -> None:
    error = explain(Refused(status, code, "Not Found"), "list the lamps", "Lampworks")
    assert type(error) is ServiceMissing
    assert error.message == "The endpoint in use does not serve Lampworks"


def test_words_of_the_service_cannot_move_the_cursor_or_fill_the_screen() -> None:
    assert quote("a\x1b[2Jb\r\nc\u202ed \t e.") == "a [2Jb c d e"
    assert len(quote("long " * 1000)) == 400


@pytest.mark.parametrize(
    ("phase", "advice", "hint"),
    [
        (STOPPED, "", "Start it with `light it`"),
        (STOPPING, "Look", "Start it with `light it`"),
        (FAILED, "", "Look at it in the shop"),
        (FAILED, "Screw in a bulb", "Screw in a bulb"),
        (GONE, "", "It cannot be used any more"),
        (GONE, "Buy another", "Buy another"),
    ],
)
def test_hint_about_a_target_that_does_not_run_fits_its_state(
    phase: str, advice: str, hint: str
) -> None:
    state = State("DARK\x1b[2J", "no\x07 power", phase)
    error = not_running("Lamp desk", state, "light it", "the shop", advice=advice)
    assert (error.message, error.hint) == ("Lamp desk is DARK [2J: no power", hint)


def test_request_that_a_kind_cannot_serve_is_refused_before_any_call() -> None:
    with pytest.raises(ConfigError, match="is not UTF-8"):
        lamp.KIND.check(SessionRequest(COMMAND, ("echo", "\udcff")))
