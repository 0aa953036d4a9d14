"""Random, seeded faults under steady input on three brokers, and then an exact check."""
