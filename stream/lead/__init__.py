"""Decisions: (lead state, event, models, now) -> (lead state, outputs). Pure."""
