"""A program in JavaScript that uses the vendor's npm package, run by Node in a process of its own."""

import os
import shutil
import sys
from pathlib import Path

from tests.saying_program import SayingProgram

FOLDER = Path(__file__).parent / "node"


class NodeProgram(SayingProgram):
    """``name`` is a program of tests/node. Raises FileNotFoundError with what to install."""

    def __init__(self, folder: Path, port: int, name: str, **environment: str) -> None:
        node = shutil.which("node", path=f"{os.environ['PATH']}:{Path(sys.executable).parent}")
        if node is None or not (FOLDER / "node_modules" / "tqsdk").exists():
            raise FileNotFoundError("the vendor's JavaScript client is not installed: `make servers` (Node 18 or newer, and npm)")
        super().__init__(folder, [node, str(FOLDER / name)], {"FRONT": f"127.0.0.1:{port}"} | environment)
