"""Edges to Kafka."""
