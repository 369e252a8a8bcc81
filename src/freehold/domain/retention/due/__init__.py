"""Which runs and experiments are due by a retention policy, and why others are not."""
