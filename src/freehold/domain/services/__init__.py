"""Services that run images."""
