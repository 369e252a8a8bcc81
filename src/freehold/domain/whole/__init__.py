"""A workspace, experiment or run read from end to end, page by page: for exports."""
