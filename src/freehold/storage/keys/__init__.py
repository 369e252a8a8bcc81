"""The key store: every key the server owns, in a folder apart from the data and its backups."""

from freehold.storage.keys.envelope import Envelope
from freehold.storage.keys.faults import KeyGone, KeysUnusable, SealBroken
from freehold.storage.keys.keystore import KeyStore
from freehold.storage.keys.log_keys import Head, LogKeys
from freehold.storage.keys.macs import MacKeys
from freehold.storage.keys.operation_keys import OperationKeys
from freehold.storage.keys.signing import CertificateKeys, TokenKeys, verify_jws_with
from freehold.storage.keys.tls import ServerTLS, TLSFiles

__all__ = [
    "CertificateKeys",
    "Envelope",
    "Head",
    "KeyGone",
    "KeyStore",
    "KeysUnusable",
    "LogKeys",
    "MacKeys",
    "OperationKeys",
    "SealBroken",
    "ServerTLS",
    "TLSFiles",
    "TokenKeys",
    "verify_jws_with",
]
