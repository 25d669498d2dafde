"""A certificate that the service makes for itself: boards know it by its fingerprint, not by an authority."""

import hashlib
import ipaddress
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from search_spaces.atomic import write_atomically

LIFETIME: Final = timedelta(days=3650)
"""Boards have paired with this one certificate: another one would lock all of them out."""


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key, as files.

    Attributes:
        fingerprint: SHA-256 of the certificate, in hex.
    """

    path: Path
    key_path: Path
    fingerprint: str


def own_certificate(folder: Path, host: str) -> Certificate:
    """Return the certificate of this service; made where there is none.

    Args:
        folder: Where it stands; the private key is for the user alone.
        host: Name or address that it is made for. Another one later changes nothing: boards look at the
            fingerprint.
    """
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    if not (path.is_file() and key_path.is_file()):
        key = ec.generate_private_key(ec.SECP256R1())
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        write_atomically(
            key_path,
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        os.chmod(key_path, 0o600)
        write_atomically(path, _made(key, host).public_bytes(serialization.Encoding.PEM))
    content = x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(serialization.Encoding.DER)
    return Certificate(path, key_path, hashlib.sha256(content).hexdigest())


def _made(key: ec.EllipticCurvePrivateKey, host: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hwnas")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A board without a clock of its own may be a day behind.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_named(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
