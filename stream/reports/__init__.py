"""Reports: what all leads together did and will do, kept as counts, exact at any moment."""
