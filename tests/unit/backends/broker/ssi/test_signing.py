"""Signatures, against the formula of PKCS #1 v1.5 worked out by hand, and keys in each form."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.ssi_world import KEY, xml_of

from tradepit.backends.broker.ssi.signing import SsiSigner
from tradepit.trading.model.errors import ConfigError

# Two primes of 512 bits found once; the key made of them signs nothing but this test.
P = 0xF747F2CAC8CFE8DB0444741981EC54995B008019FC5B8368B45E08565E634DCC6CBD43CA3BEEFC5A3296CCA04C6134A99825D90F2E282421A5286D84A4AB3B3F
Q = 0xD37F8EF3BC9468C733F107E79237301C8DC1DB305C28AFC89B361D7C73FFB0ABC138EFEA58C4F01E52C172A854623AC0FC8BB478408118463C86E365B5B53BB5
N, E = P * Q, 65537
D = pow(E, -1, (P - 1) * (Q - 1))
BODIES = [b"", b"{}", b'{"accountNo":"0000018","price":"1340.1"}', '{"note":"giá"}'.encode()]
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def by_hand(body: bytes, n: int, d: int) -> str:
    """00 01 FF … FF 00, the name of SHA-256 in DER, and the digest, to the power of d modulo n."""
    size = (n.bit_length() + 7) // 8
    told = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(body).digest()
    padded = b"\x00\x01" + b"\xff" * (size - len(told) - 3) + b"\x00" + told
    return pow(int.from_bytes(padded, "big"), d, n).to_bytes(size, "big").hex()


def document(**parts: int) -> str:
    fields = "".join(
        f"<{name}>{base64.b64encode(value.to_bytes((value.bit_length() + 7) // 8, 'big')).decode()}</{name}>"
        for name, value in parts.items()
    )
    return base64.b64encode(f"<RSAKeyValue>{fields}</RSAKeyValue>".encode()).decode()


@pytest.mark.parametrize("body", BODIES)
def test_a_signature_is_that_of_the_formula(body: bytes) -> None:
    with_primes = SsiSigner(document(Modulus=N, Exponent=E, D=D, P=P, Q=Q))
    without = SsiSigner(document(Modulus=N, Exponent=E, D=D))
    assert with_primes.sign(body) == without.sign(body) == by_hand(body, N, D)


@pytest.mark.parametrize("body", BODIES)
def test_pem_and_xml_of_one_key_sign_the_same(body: bytes) -> None:
    numbers = KEY.private_numbers()
    assert (
        SsiSigner(PEM).sign(body)
        == SsiSigner(f"\n{xml_of(KEY)}\n").sign(body)
        == by_hand(body, numbers.public_numbers.n, numbers.d)
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "x" * 30_000,
        base64.b64encode(b"<RSAKeyValue><Modulus>AQ==</Modulus></RSAKeyValue>").decode(),
        base64.b64encode(b"<!DOCTYPE a [<!ENTITY b 'c'>]><RSAKeyValue/>").decode(),
        base64.b64encode(b"<unfinished>").decode(),
        document(Modulus=N + 2, Exponent=E, D=D, P=P, Q=Q),
        PEM[:200],
        ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
    ],
)
def test_what_is_no_key_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SsiSigner(text)
    assert not text or text[:40] not in str(caught.value)
    assert caught.value.__cause__ is None
