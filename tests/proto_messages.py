"""Protobuf's own compiler as a second opinion: text to bytes with the schemas of the package, in a process of its own."""

import subprocess
import sys

from tests.proto_compiler import SCHEMAS

_FILES = {
    "markets.v1.SsiPsSnapshot": "markets/v1/ssi_ps.proto",
    "qubit.orders.v1.OrderIntent": "orders/v1/orders.proto",
    "qubit.orders.v1.OrderEvent": "orders/v1/orders.proto",
    "qubit.risk.v1.RiskAlert": "risk/v1/alerts.proto",
    "qubit.bot.v1.BotCommandEnvelope": "bot/v1/commands.proto",
}


def compiled_text(kind: str, text: str) -> bytes:
    """The bytes of a message that is written in protobuf's text format."""
    words = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{SCHEMAS}",
        f"--encode={kind}",
        "--deterministic_output",
        _FILES[kind],
    ]
    return subprocess.run(words, input=text.encode(), capture_output=True, check=True, timeout=60).stdout
