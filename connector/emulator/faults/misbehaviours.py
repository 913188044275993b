"""Faults of the API: an ``intercept`` for ``RestServer`` that refuses and delays requests.

The file is short because it is the only fault of an API: the others are faults of sessions.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

from aiohttp import web

from ..api.errors import ApiError
from ..api.rest import Proceed


class Misbehaviours:
    """A queue of orders for each operation. Each request of it carries out the next order."""

    def __init__(self) -> None:
        self._orders: defaultdict[str, deque[ApiError | float]] = defaultdict(deque)

    def refuse(self, operation: str, error: ApiError, times: int = 1) -> None:
        """Answer the next ``times`` requests of ``operation`` with ``error`` and nothing else."""
        self._orders[operation].extend([error] * times)

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Delay the next ``times`` requests of ``operation``."""
        self._orders[operation].extend([seconds] * times)

    async def __call__(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        """Answer a request as the next order of its operation says."""
        orders = self._orders[operation]
        order = orders.popleft() if orders else 0.0
        if isinstance(order, ApiError):
            raise order
        await asyncio.sleep(order)
        return await proceed()
