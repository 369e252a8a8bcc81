"""Whether the server's clock may be believed."""
