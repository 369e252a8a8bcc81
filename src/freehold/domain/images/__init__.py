"""Images that hold models."""
