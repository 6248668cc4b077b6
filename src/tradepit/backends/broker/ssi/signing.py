"""Signatures of SSI FastConnect: RSA, PKCS #1 v1.5 over SHA-256 of the exact body, in hexadecimal."""

import base64
import binascii
from xml.etree import ElementTree

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
    rsa_recover_prime_factors,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tradepit.trading.model.errors import ConfigError

_MAX_KEY = 20_000


class SsiSigner:
    """Signs with one private key, as SSI hands it out (an ``RSAKeyValue`` document in base64) or in PEM.

    Raises ConfigError for a text that is no key; the error holds nothing of it.
    """

    def __init__(self, text: str) -> None:
        try:
            self._key = _read(text.strip())
        except (ValueError, TypeError, KeyError, binascii.Error, ElementTree.ParseError, UnsupportedAlgorithm):
            # What a parser says may quote the key.
            raise ConfigError("the private key is neither SSI's base64 of an RSAKeyValue nor PEM") from None

    def sign(self, body: bytes) -> str:
        """The signature of ``body``, in lower-case hexadecimal."""
        return self._key.sign(body, PKCS1v15(), SHA256()).hex()


def _read(text: str) -> RSAPrivateKey:
    if not 0 < len(text) <= _MAX_KEY:
        raise ValueError
    if text.startswith("-----BEGIN"):
        key = load_pem_private_key(text.encode(), None)
        if not isinstance(key, RSAPrivateKey):
            raise TypeError
        return key
    document = base64.b64decode(text, validate=True)
    if b"<!" in document:
        # A document type could define entities without end.
        raise ValueError
    root = ElementTree.fromstring(document)  # noqa: S314 - no document type, bounded, and the operator's own key
    numbers = {node.tag: int.from_bytes(base64.b64decode(node.text or ""), "big") for node in root}
    n, e, d = numbers["Modulus"], numbers["Exponent"], numbers["D"]
    p, q = (numbers["P"], numbers["Q"]) if numbers.keys() >= {"P", "Q"} else rsa_recover_prime_factors(n, e, d)
    crt = (rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q))
    return RSAPrivateNumbers(p, q, d, *crt, RSAPublicNumbers(e, n)).private_key()
