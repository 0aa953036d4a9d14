"""Outputs to webhooks: each message is posted to the endpoints that asked for it."""
