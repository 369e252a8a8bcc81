"""A bag comes in: checked in a child process, written by the server in one transaction. Names no table."""
