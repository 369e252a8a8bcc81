"""How long a workspace keeps its runs: its retention policy, its restore window, and what is due by them."""
