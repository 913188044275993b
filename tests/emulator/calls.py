"""Blocking calls of boto3's clients beside the emulator's event loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from botocore.exceptions import ClientError

call = asyncio.to_thread


async def refused(method: Any, **members: Any) -> ClientError:
    """Return the error that boto3 raises for a call."""
    with pytest.raises(ClientError) as info:
        await call(method, **members)
    return info.value


def code_of(error: ClientError) -> str:
    return error.response["Error"]["Code"]


def status_of(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]
