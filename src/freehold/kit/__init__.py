"""Small things that know no domain: ids, clock, digests, canonical JSON, page tokens, problems."""
