"""The collector: events over HTTP, as the Segment tracking API has them, into Kafka."""
