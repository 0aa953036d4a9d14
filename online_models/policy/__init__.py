"""Policies: which action to take of a lead, with what probability, learned from rewards."""
