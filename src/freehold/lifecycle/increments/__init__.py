"""What changed since a bag: making increments, and putting them and their bag together again (docs/decisions/0017)."""
