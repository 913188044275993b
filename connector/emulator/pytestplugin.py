"""The pytest fixture ``connector_emulator``, which docs/emulator-for-tests.md documents.

pytest loads this module in every project that has the connector installed. So it imports
nothing but pytest until a test asks for the fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .harness import ConnectorEmulator


@pytest.fixture
def connector_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorEmulator]:
    """A running emulator with the target ``demo``, and its controls. Each test gets its own."""
    from . import missing_packages

    missing = missing_packages()
    if missing:
        pytest.fail(
            f"connector_emulator needs {', '.join(missing)}: install devenv-connector[emulator]",
            pytrace=False,
        )
    from .harness import ConnectorEmulator

    with ConnectorEmulator(tmp_path_factory.mktemp("connector-emulator")) as emulator:
        yield emulator
