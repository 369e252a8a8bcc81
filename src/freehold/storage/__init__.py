"""How it is kept: the database, the metric codec, the objects, the keys."""
