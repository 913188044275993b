"""The homes, clouds and logins of the tests of ``connector.aws``."""

from ..aws.conftest import (
    both_ways,
    certificates,
    clock,
    cloud,
    home,
    loop,
    models_are_read_once,
    sessions,
)

__all__ = [
    "both_ways",
    "certificates",
    "clock",
    "cloud",
    "home",
    "loop",
    "models_are_read_once",
    "sessions",
]
