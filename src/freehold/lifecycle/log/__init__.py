"""The log of certificates: a Merkle tree (RFC 6962) over their digests, published as C2SP tlog-tiles."""
