"""``python -m tradepit``."""

from tradepit.cli.main import main

main()
