"""How it is spoken: thin views. Parse, one domain call, print."""
