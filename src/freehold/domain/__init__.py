"""What it means: one folder per noun. Knows no HTTP; raises Problems."""
