"""What holds for every test: its loop, Hypothesis without a clock, and files that take longest begun first."""

import asyncio
import os
from collections.abc import Callable, Mapping

import pytest
from hypothesis import HealthCheck, settings
from tests.waiting import WatchfulLoop

LONGEST = (
    "test_process_kills.py",
    "test_broker_connect_kills.py",
    "test_tqsdk_process.py",
    "test_tutorial_tqsdk.py",
    "test_tq_bad_input.py",
    "test_tq_end_to_end.py",
    "test_data_api.py",
    "test_tq_documents.py",
    "test_one_bot_three_ways.py",
    "test_recorded_ticks.py",
    "test_platform_kafka.py",
    "test_tq_eight_processes.py",
    "test_diff_front.py",
    "test_first_bot_tutorial.py",
    "test_bot_platform_kills.py",
    "test_diff_javascript.py",
    "test_diff_sockets.py",
    "test_bus_restart.py",
    "test_stores_restart.py",
    "test_faults.py",
)
"""A quarter of a minute or more, about in this order; one that mostly waits among the first. Others follow as collected."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest (``pytest --no-loadscope-reorder``, else the workers order files by their number of tests)."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """One loop for all, which knows what it has handed to threads."""
    return {"watchful": WatchfulLoop}


# How long an example takes is up to the machine, and says nothing of the code. The examples are the same in every run, so that
# a change is judged by what it changed; `make explore` looks for new ones.
_EXPLORES = "EXPLORE" in os.environ
settings.register_profile(
    "tradepit", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=not _EXPLORES, print_blob=True
)
settings.load_profile("tradepit")
