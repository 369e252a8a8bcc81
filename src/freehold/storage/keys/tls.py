"""The private CA and the server's certificate. The Azure clients refuse bearer tokens without TLS."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from freehold.kit.clock import Clock, to_datetime
from freehold.storage.keys.folder import PUBLIC, KeyFolder

_CA_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=397)
_RENEW_BEFORE = timedelta(days=30)
_CLOCKS_DIFFER = timedelta(days=1)
_CA, _CA_KEY, _SERVER, _SERVER_KEY = "ca.pem", "ca.key", "server.pem", "server.key"


@dataclass(frozen=True)
class TLSFiles:
    ca_certificate: Path
    certificate: Path
    key: Path


@dataclass(frozen=True)
class _Signer:
    certificate: x509.Certificate
    key: EllipticCurvePrivateKey


class ServerTLS:
    def __init__(self, folder: KeyFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    def ensure(self, names: Sequence[str] = (), ips: Sequence[str] = ()) -> TLSFiles:
        """A certificate for localhost, both loopback addresses, this host's name and what is given.

        Made anew when names were added, the CA is another, or less than 30 days are left.
        """
        authority = self._authority()
        wanted = _alternatives(["localhost", socket.gethostname(), *names], ["127.0.0.1", "::1", *ips])
        if not self._still_good(authority, wanted):
            self._issue(authority, wanted)
        path = self._folder.path
        return TLSFiles(path / _CA, path / _SERVER, path / _SERVER_KEY)

    def _authority(self) -> _Signer:
        found = self._load(_CA, _CA_KEY)
        if found and self._lasts(found.certificate):
            return found
        key = generate_private_key(SECP256R1())
        made = _Signer(_self_signed(key, self._now()), key)
        self._write(_CA, _CA_KEY, made)
        return made

    def _still_good(self, authority: _Signer, wanted: x509.SubjectAlternativeName) -> bool:
        found = self._load(_SERVER, _SERVER_KEY)
        if found is None or not self._lasts(found.certificate):
            return False
        try:
            found.certificate.verify_directly_issued_by(authority.certificate)
        except Exception:  # the ways in which another CA's certificate fails are the library's own
            return False
        held = found.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return set(wanted) <= set(held)

    def _issue(self, authority: _Signer, wanted: x509.SubjectAlternativeName) -> None:
        key = generate_private_key(SECP256R1())
        certificate = _server_certificate(key, authority, wanted, self._now())
        self._write(_SERVER, _SERVER_KEY, _Signer(certificate, key))

    def _lasts(self, certificate: x509.Certificate) -> bool:
        now = self._now()
        return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEW_BEFORE

    def _load(self, certificate_name: str, key_name: str) -> _Signer | None:
        """None too where a crash left the key of one pair beside the certificate of another."""
        try:
            certificate = x509.load_pem_x509_certificate(self._folder.read(certificate_name))
            key = load_pem_private_key(self._folder.read(key_name), None)
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(key, EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            return None
        return _Signer(certificate, key)

    def _write(self, certificate_name: str, key_name: str, made: _Signer) -> None:
        pem = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._folder.replace(key_name, pem)
        self._folder.replace(certificate_name, made.certificate.public_bytes(Encoding.PEM), PUBLIC)

    def _now(self) -> datetime:
        return to_datetime(self._clock.now())


def _alternatives(names: Sequence[str], ips: Sequence[str]) -> x509.SubjectAlternativeName:
    addresses: list[IPv4Address | IPv6Address] = [ip_address(ip) for ip in dict.fromkeys(ips)]
    usable = dict.fromkeys(name.lower() for name in names if name.isascii() and name)
    return x509.SubjectAlternativeName(
        [
            *(x509.DNSName(name) for name in usable),
            *(x509.IPAddress(address) for address in addresses),
        ]
    )


def _self_signed(key: EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Freehold private CA")])
    draft = _draft(name, name, key, key, now, _CA_LIFE)
    draft = draft.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    draft = draft.add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    return draft.sign(key, SHA256())


def _server_certificate(
    key: EllipticCurvePrivateKey,
    authority: _Signer,
    alternatives: x509.SubjectAlternativeName,
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Freehold server")])
    draft = _draft(name, authority.certificate.subject, key, authority.key, now, _SERVER_LIFE)
    draft = draft.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    draft = draft.add_extension(_usage(digital_signature=True), critical=True)
    draft = draft.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    draft = draft.add_extension(alternatives, critical=False)
    return draft.sign(authority.key, SHA256())


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    key: EllipticCurvePrivateKey,
    issuer_key: EllipticCurvePrivateKey,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    """Both key identifiers stand in it: Python's strict verification (3.13) refuses a chain without them."""
    draft = x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key.public_key())
    draft = draft.serial_number(x509.random_serial_number())
    draft = draft.not_valid_before(now - _CLOCKS_DIFFER).not_valid_after(now + life)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return draft.add_extension(own, critical=False).add_extension(authority, critical=False)


def _usage(
    *,
    digital_signature: bool = False,
    key_cert_sign: bool = False,
    crl_sign: bool = False,
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
