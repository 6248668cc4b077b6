"""Commands run on the fastest loop there is, and their result comes back."""

import asyncio
import sys

import pytest

from tradepit.cli.loop import run


async def _loop_name() -> str:
    return type(asyncio.get_running_loop()).__module__


async def _fail() -> None:
    raise ValueError("no")


def test_work_is_run_to_its_end() -> None:
    name = run(_loop_name())
    assert name.startswith("asyncio" if sys.platform == "win32" else "uvloop")


def test_a_failure_is_the_callers() -> None:
    with pytest.raises(ValueError, match="no"):
        run(_fail())
