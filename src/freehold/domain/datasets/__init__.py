"""Datasets: registered, versioned references to data that lies in datastores or elsewhere."""
