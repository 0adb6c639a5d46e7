"""From records of Kafka to rows of the view."""
