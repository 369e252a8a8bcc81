"""The package that leaves: a BagIt bag (RFC 8493), written as it streams by, and read again without trust."""
