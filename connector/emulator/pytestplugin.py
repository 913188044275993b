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
def connector_emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ConnectorEmulator]:
    """A running emulator with the target ``demo``, and its controls. Each test gets its own.

    Indirect parameters choose the kind of target, or several kinds.
    """
    from . import missing_packages

    missing = missing_packages()
    if missing:
        pytest.fail(
            f"connector_emulator needs {', '.join(missing)}: install the extra 'emulator'",
            pytrace=False,
        )
    from .harness import ConnectorEmulator

    directory = tmp_path_factory.mktemp("connector-emulator")
    chosen = getattr(request, "param", ())
    kinds = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    made = ConnectorEmulator(directory, kinds) if kinds else ConnectorEmulator(directory)
    with made as emulator:
        yield emulator
