"""What tests have a ``RestServer`` do wrong: an ``intercept`` with a list of orders."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque

from aiohttp import web

from ..api.errors import ApiError
from ..api.rest import Proceed


class Misbehaviours:
    """Orders are carried out one a request, first come first served, each operation by itself."""

    def __init__(self) -> None:
        self._orders: defaultdict[str, deque[ApiError | float]] = defaultdict(deque)

    def refuse(self, operation: str, error: ApiError, times: int = 1) -> None:
        """Answer the next ``times`` requests of ``operation`` with ``error``, doing nothing."""
        self._orders[operation].extend([error] * times)

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Let the next ``times`` requests of ``operation`` wait before they are done."""
        self._orders[operation].extend([seconds] * times)

    async def __call__(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        """Carry out the next order of the operation, if there is one."""
        orders = self._orders[operation]
        order = orders.popleft() if orders else 0.0
        if isinstance(order, ApiError):
            raise order
        await asyncio.sleep(order)
        return await proceed()
