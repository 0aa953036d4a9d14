"""Loops: take a batch, call the decisions, send."""
