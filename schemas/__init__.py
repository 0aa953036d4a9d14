"""The contract: every message that crosses a topic, and the topics themselves."""
