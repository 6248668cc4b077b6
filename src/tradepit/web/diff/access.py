"""Who may come in: users and their passwords, and the tokens that a login hands out."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

FEATURES = ("futr", "lmt_idx", "tq_dl", "tq_ma", "tq_lc_rk")
_FOREVER_S = 4_102_415_999
_NUMBER = 3


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a websocket's handshake tells of its client: the token of a login (empty: none) and the program's name for itself."""

    token: str = ""
    agent: str = ""


class Access:
    """Without ``users`` whoever reaches the door may come in under any name, as at every other door of a house on loopback.

    With them a login needs its password, and a token is good when it was signed here: the key follows from the passwords, so
    that tokens outlive a restart.
    """

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = dict(users)
        secret = msgspec.json.encode(sorted(self._users.items())) if users else secrets.token_bytes(32)
        self._key = hashlib.sha256(b"diff-front" + secret).digest()

    def login(self, user_name: str, password: str) -> str:
        """A token for the user; empty when the name or the password is wrong."""
        return self.token(user_name) if self.knows(user_name, password) else ""

    def knows(self, user_name: str, password: str) -> bool:
        """True when the password is the user's."""
        if not user_name:
            return False
        if not self._users:
            return True
        known = self._users.get(user_name, "")
        return hmac.compare_digest(known.encode(), password.encode("utf-8", "replace")) and bool(known)

    def token(self, user_name: str) -> str:
        """A JSON web token with every grant for this user."""
        claims = {"sub": user_name, "exp": _FOREVER_S, "grants": {"features": FEATURES, "accounts": [], "otg_ids": []}}
        head = f"{_text({'alg': 'HS256', 'typ': 'JWT'})}.{_text(claims)}"
        return f"{head}.{self._sign(head)}"

    def user_of(self, token: str) -> str:
        """The user of a token that was made here, empty for any other."""
        head, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(head).encode(), signature.encode("utf-8", "replace")):
            return ""
        try:
            claims = msgspec.json.decode(_bytes(head.partition(".")[2]), type=dict[str, Any])
        except (msgspec.MsgspecError, ValueError):
            return ""
        return str(claims.get("sub", ""))

    def admits(self, token: str) -> bool:
        """True when a websocket that was opened with this token may be used."""
        return not self._users or bool(self.user_of(token))

    def may_trade(self, user_name: str, password: str, token: str) -> bool:
        """True for the user's own password, and for the session of the user's own token (whose password is its name)."""
        if self.knows(user_name, password):
            return True
        owner = self.user_of(token)
        if not owner:
            return False
        # A user's further simulated accounts are numbered, and are nobody else's.
        number = user_name.removeprefix(owner)
        return user_name == owner or (
            user_name.startswith(owner) and len(number) == _NUMBER and number.isdecimal() and user_name not in self._users
        )

    def _sign(self, head: str) -> str:
        return _base64(hmac.new(self._key, head.encode("utf-8", "replace"), hashlib.sha256).digest())


def _text(value: object) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
