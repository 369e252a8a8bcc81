"""The pipeline service of 2020. Freehold executes no pipeline: runs move by reports to the run history."""
