"""``tradepit run`` without a role: a whole house on this machine, kept alive until SIGTERM."""

import time
from pathlib import Path

import msgspec
from loguru import logger

from tradepit.cli.exits import Exit
from tradepit.cli.house import SETTINGS_FILE, House, Member
from tradepit.cli.house_settings import RUNNING
from tradepit.config import Settings, load
from tradepit.runtime.logs import set_up
from tradepit.wire.simulator import BOT_RUNNER

_LOOK_S = 1.0


def run_house(settings: Settings) -> int:
    """The embedded NATS server, and every process of the profile, in ``data_dir``; started again when it dies.

    A process whose settings are refused is not started again: the others go on. Exit 0 when told to end, 1 when one had to be
    given up.
    """
    set_up("house", level=settings.log.level, folder=settings.folder / "logs" if settings.log.files else None)
    house = House(same_time(settings), settings.folder, also=frozenset({BOT_RUNNER}) if settings.bots.rows else frozenset())
    given_up: list[str] = []
    try:
        house.start()
        RUNNING.parent.mkdir(parents=True, exist_ok=True)
        RUNNING.touch(mode=0o600)
        RUNNING.write_text(house.settings_path.read_text(encoding="utf-8"), encoding="utf-8")
        logger.info("{} processes of profile {} at {}", len(house.members), settings.profile, house.server.url)
        while True:
            time.sleep(_LOOK_S)
            given_up += [member.name for member in house.members.values() if _give_up(member, settings.folder)]
            for name in house.revive():
                logger.warning("{} had ended and was started again", name)
    except KeyboardInterrupt:
        logger.info("told to stop")
    finally:
        house.stop()
        RUNNING.unlink(missing_ok=True)
    return int(Exit.FINDINGS if given_up else Exit.OK)


def same_time(settings: Settings) -> Settings:
    """The settings, with the exchange's time going on where an earlier run in the same folder began it."""
    former, exchange = settings.folder / SETTINGS_FILE, settings.exchange
    if not exchange.starts_at or exchange.origin_ns or not former.exists():
        return settings
    before = load(former, {}).exchange
    if before.starts_at != exchange.starts_at:
        return settings
    return msgspec.structs.replace(settings, exchange=msgspec.structs.replace(exchange, origin_ns=before.origin_ns))


def _give_up(member: Member, folder: Path) -> bool:
    if not member.expected or member.process is None or member.process.poll() != Exit.USAGE:
        return False
    member.expected = False
    logger.error("{} cannot work with these settings; {} says why", member.name, folder / f"{member.name}.out")
    return True
