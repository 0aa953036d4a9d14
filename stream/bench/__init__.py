"""Benchmarks that anyone can run: ``leadstream bench``."""
