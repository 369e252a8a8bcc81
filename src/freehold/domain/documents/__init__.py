"""What documents of every noun share: rows that stand, labels, versions."""
