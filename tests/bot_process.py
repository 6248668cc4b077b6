"""``tradepit bot run`` as a process of its own, and what its door tells."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.house_under_test import HouseUnderTest
from tests.servers.ports import free_port


class BotProcess:
    """``tradepit bot run`` and its door."""

    def __init__(self, house: HouseUnderTest, bot: Path, log: Path, bot_id: str, account: str = "A1") -> None:
        self._house, self._bot, self._log, self._port = house, bot, log, free_port()
        self._environment = {"BOT_SECRETS": '{"password": "hunter2-hunter2"}', "BOT_ID": bot_id, "ACCOUNT_ID": account}
        self.process: subprocess.Popen[bytes]

    def start(self) -> None:
        command = [sys.executable, "-m", "tradepit", "bot", "run", str(self._bot), "--port", str(self._port)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--config", str(self._house.house.settings_path)],
                stdout=log,
                stderr=log,
                env=os.environ | self._environment,
            )

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    async def seen(self) -> dict[str, Any]:
        """How the bot fares, empty while nobody answers."""
        status, body = await asyncio.to_thread(self.get, "/bots")
        return json.loads(body)[0] if status == 200 else {}
