"""Tasks, and the notifications that tell people what became of them."""
