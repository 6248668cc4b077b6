"""A program that uses SSI's own client of V2, unmodified, run in a process of its own that reaches nothing but this machine."""

import sys
import textwrap
from pathlib import Path

from tests.saying_program import SayingProgram
from tests.servers.ssi_exchange import API_KEY, API_SECRET, SYMBOL
from tests.servers.ssi_v2_server import PIN, SsiV2Server
from tests.ssi_world import DEVICE, KEY, xml_of

# The client prints what it signs: that goes with all else it says, and only lines of ours are read.
_PRELUDE = """
import json, os, time
from ssi_fctrading import FCTradingClient, FCTradingStream
from ssi_fctrading.models import fcmodel_requests as asks

def say(**told):
    print("SAID " + json.dumps(told), flush=True)

client = FCTradingClient(os.environ["WHERE"] + "/", os.environ["KEY"], os.environ["SECRET"], os.environ["PRIVATE"], 0)
client.verifyCode(os.environ["PIN"])
SYMBOL, DEVICE = os.environ["SYMBOL"], os.environ["DEVICE"]
heard = []

def listen(after):
    FCTradingStream(client, os.environ["WHERE"] + "/", lambda text: heard.append(json.loads(text)), print, str(after)).start()

def wait(kind, **values):
    deadline = time.time() + 120
    while time.time() < deadline:
        for event in list(heard):
            if event["type"] == kind and all(event["data"].get(name) == value for name, value in values.items()):
                return event["data"]
        time.sleep(0.02)
    raise AssertionError("waited in vain for " + kind + str(values))

def place(account, request, side, price, quantity, kind="LO"):
    return client.der_new_order(asks.NewOrder(
        account=account, requestID=request, instrumentID=SYMBOL, market="VNFE", buySell=side, orderType=kind,
        price=price, quantity=quantity, deviceId=DEVICE, userAgent=client.get_user_agent()))

def modify(account, request, order, price, quantity):
    return client.der_modify_order(asks.ModifyOrder(
        account=account, requestID=request, orderID=order["orderID"], marketID="VNFE", instrumentID=SYMBOL, price=price,
        quantity=quantity, buySell=order["buySell"], orderType=order["orderType"], deviceId=DEVICE))

def cancel(account, request, order):
    return client.der_cancle_order(asks.CancelOrder(
        account=account, requestID=request, orderID=order["orderID"], marketID="VNFE", instrumentID=SYMBOL,
        buySell=order["buySell"], deviceId=DEVICE))
"""


class SsiProgram(SayingProgram):
    """``body`` says things with ``say(name=value)``."""

    def __init__(self, folder: Path, server: SsiV2Server, body: str) -> None:
        environment = {
            "WHERE": server.url,
            "KEY": API_KEY,
            "SECRET": API_SECRET,
            "PRIVATE": xml_of(KEY),
            "PIN": PIN,
            "SYMBOL": SYMBOL,
            "DEVICE": DEVICE,
        }
        super().__init__(folder, [sys.executable, "-c", _PRELUDE + textwrap.dedent(body)], environment)
