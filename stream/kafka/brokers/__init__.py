"""Development brokers: Apache Kafka on the JVM or in Docker, and librdkafka's embedded one."""
