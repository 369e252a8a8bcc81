"""Assets: named bundles of artifacts."""
