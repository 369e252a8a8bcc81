import socket
import ssl
import threading
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509

from freehold.kit.clock import MICROSECONDS, FixedClock, SystemClock
from freehold.storage.keys import KeyStore, TLSFiles

DAY = 24 * 3600 * MICROSECONDS


def certificate(files: TLSFiles) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


@pytest.fixture
def live(folder: Path) -> KeyStore:
    """TLS libraries look at the real time."""
    return KeyStore(folder, SystemClock())


def handshake(files: TLSFiles, name: str, host: str, trust: ssl.SSLContext) -> dict[str, object]:
    """A real handshake over a socket: returns the certificate as the client saw and verified it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    with closing(socket.create_server((host, 0), family=socket.AF_INET)) as listener:

        def serve() -> None:
            try:
                with server.wrap_socket(listener.accept()[0], server_side=True) as peer:
                    peer.recv(1)
            except OSError:
                pass  # the client refused

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with (
                socket.create_connection(listener.getsockname()) as plain,
                trust.wrap_socket(plain, server_hostname=name) as secure,
            ):
                return dict(secure.getpeercert() or {})
        finally:
            thread.join()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", socket.gethostname(), "ml.example.org"])
def test_strict_client_accepts_every_name(live: KeyStore, name: str) -> None:
    files = live.tls.ensure(["ml.example.org"])
    trust = ssl.create_default_context(cafile=str(files.ca_certificate))
    trust.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    assert handshake(files, name, "127.0.0.1", trust)["subject"]


def test_client_refuses_other_names_and_cas(live: KeyStore, tmp_path: Path) -> None:
    files = live.tls.ensure()
    trust = ssl.create_default_context(cafile=str(files.ca_certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(files, "ml.example.org", "127.0.0.1", trust)
    other = KeyStore(tmp_path / "other", SystemClock()).tls.ensure()
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(files, "localhost", "127.0.0.1", ssl.create_default_context(cafile=str(other.ca_certificate)))


def test_good_certificate_is_kept(keys: KeyStore, clock: FixedClock) -> None:
    before = certificate(keys.tls.ensure(["ml.example.org"]))
    clock.at += 300 * DAY
    assert certificate(keys.tls.ensure()) == before


def test_certificate_is_renewed_before_it_ends(keys: KeyStore, clock: FixedClock) -> None:
    files = keys.tls.ensure()
    authority, before = files.ca_certificate.read_bytes(), certificate(files)
    clock.at += 368 * DAY
    after = certificate(keys.tls.ensure())
    assert after.not_valid_after_utc > before.not_valid_after_utc
    assert files.ca_certificate.read_bytes() == authority


def test_certificate_is_renewed_for_new_names(keys: KeyStore) -> None:
    keys.tls.ensure()
    after = certificate(keys.tls.ensure(["new.example.org"], ["10.1.2.3"]))
    names = after.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "new.example.org" in names.get_values_for_type(x509.DNSName)
    assert "10.1.2.3" in map(str, names.get_values_for_type(x509.IPAddress))


def test_lost_ca_key_makes_a_new_pair(folder: Path, keys: KeyStore) -> None:
    before = keys.tls.ensure().ca_certificate.read_bytes()
    (folder / "tls" / "ca.key").unlink()
    files = keys.tls.ensure()
    authority = x509.load_pem_x509_certificate(files.ca_certificate.read_bytes())
    assert files.ca_certificate.read_bytes() != before
    certificate(files).verify_directly_issued_by(authority)


def test_half_written_pair_is_made_anew(folder: Path, keys: KeyStore, tmp_path: Path) -> None:
    files = keys.tls.ensure()
    stranger = KeyStore(tmp_path / "other", FixedClock()).tls.ensure()
    files.key.write_bytes(stranger.key.read_bytes())
    keys.tls.ensure()
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
