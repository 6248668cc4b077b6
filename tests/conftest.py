"""The order of a run on several workers: files that take longest begin first, so that no worker is left alone with one at the end."""

import pytest

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
