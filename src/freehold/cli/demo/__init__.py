"""`freehold demo`: the promise kept on real input, step by step, with figures."""
