"""Datastores: registered places outside where data lies. Erasing one touches nothing there."""
