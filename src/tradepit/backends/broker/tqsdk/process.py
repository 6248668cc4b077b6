"""What runs in the TqSDK broker's process: one TqApi, told what to do through a socket, telling what it sees.

Started as ``python -m tradepit.backends.broker.tqsdk.process SOCKET_FD LOCK_FD``; everything else, credentials first of all,
comes through the socket. It ends at once when the other side is gone, whenever a connection to the broker was lost (what
waited in TqApi's queues would be sent on the next connection, and only a new login's snapshot tells what became of it), and
when a new trading day begins.
"""

import logging
import os
import socket
import sys

from tradepit.backends.broker.tqsdk.frames import Failed
from tradepit.backends.broker.tqsdk.inbox import Inbox


def main() -> None:
    """Serve one parent until it is gone or the broker is."""
    lock_fd = int(sys.argv[2])
    # Whoever must end a process that outlived its owner finds its id beside the lock it holds.
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, str(os.getpid()).encode(), 0)
    inbox = Inbox(socket.socket(fileno=int(sys.argv[1])))
    login = inbox.await_login()
    # From here on the end of the parent ends this process, whatever it is doing: loading TqSDK takes a second, logging in a minute.
    from tradepit.backends.broker.tqsdk.session import LinkLost, Session  # noqa: PLC0415 - see above
    from tradepit.runtime.clock import SystemClock  # noqa: PLC0415 - see above

    # TqApi makes a record of every packet in and out, a tenth of this process's work, for a file that is not written here.
    logging.disable(logging.DEBUG)
    try:
        Session(login, inbox, SystemClock()).run()
    except LinkLost as error:
        inbox.tell(Failed(message=f"the connection to the broker was lost: {error}"))
    except Exception as error:  # noqa: BLE001 - whatever TqSDK raises ends this process, and says why
        inbox.tell(Failed(message=login.scrub(f"{type(error).__name__}: {error}")))
    inbox.leave(1)


if __name__ == "__main__":
    main()
