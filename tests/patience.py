"""How long a test waits for another process. A machine that does much else besides may need more than is usual."""

import os

VARIABLE = "FREEHOLD_TEST_PATIENCE"
FACTOR = float(os.environ.get(VARIABLE, "1"))


def patient(seconds: float) -> float:
    """The usual wait, in seconds, times what the environment says; for pytest's own limit there is `--timeout`."""
    return seconds * FACTOR
