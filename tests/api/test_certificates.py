import hashlib
import ssl
from pathlib import Path

import pytest

from api.certificates import own_certificate


@pytest.mark.parametrize("host", ["127.0.0.1", "nas.local"])
def test_a_certificate_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path, host: str) -> None:
    first = own_certificate(tmp_path / "tls", host)
    again = own_certificate(tmp_path / "tls", "another.name")
    assert again == first
    shown = ssl.PEM_cert_to_DER_cert(first.path.read_text(encoding="ascii"))
    assert hashlib.sha256(shown).hexdigest() == first.fingerprint
    assert first.key_path.stat().st_mode & 0o077 == 0
    assert (tmp_path / "tls").stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(first.path, first.key_path)
    assert own_certificate(tmp_path / "other", host).fingerprint != first.fingerprint
