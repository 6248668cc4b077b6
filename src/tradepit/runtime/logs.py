"""Logs: readable on the console, rotating in files."""

import sys
from pathlib import Path
from typing import TextIO

from loguru import logger

_CONSOLE = "<green>{time:HH:mm:ss.SSS}</green> <level>{level: <7}</level> <cyan>{extra[process]} {module}</cyan> {message}"
_FILE = "{time:YYYY-MM-DD HH:mm:ss.SSS} {level: <7} {extra[process]} {name}:{line} {message}"


def set_up(process: str, *, level: str, folder: Path | None, console: TextIO | None = None) -> None:
    """Console (standard error unless told) at ``level``; with a ``folder`` also ``<process>.log`` there, 10 MB a file, kept 7 days."""
    logger.remove()
    logger.configure(extra={"process": process})
    logger.add(console or sys.stderr, level=level, format=_CONSOLE, backtrace=False, diagnose=False)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        logger.add(
            folder / f"{process}.log",
            level="DEBUG",
            format=_FILE,
            rotation="10 MB",
            retention="7 days",
            backtrace=False,
            diagnose=False,
        )
