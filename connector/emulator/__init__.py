"""An emulator of the AWS services that the connector needs, for one machine.

``app.py`` composes the rooms: ``api/`` has the services, ``gateway/`` the data channels,
``agent/`` the SSM agent, ``machine/`` shells and an SSH server, ``faults/`` what goes wrong.
"""

from __future__ import annotations

#: The packages of the extra ``emulator``.
PACKAGES = ("aiohttp", "paramiko", "trustme")


def missing_packages() -> list[str]:
    """Return the packages of the extra that are not installed."""
    from importlib.util import find_spec

    return [name for name in PACKAGES if find_spec(name) is None]
