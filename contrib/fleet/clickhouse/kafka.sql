-- ClickHouse reads the topic itself. Put in your brokers first. A block of lines that was stored, and not yet told to
-- the broker when the server ended, comes again: the tables' keys take that out.

CREATE TABLE IF NOT EXISTS skb.kafka (line String) ENGINE = Kafka
SETTINGS
	kafka_broker_list = 'kafka1:9092',
	kafka_topic_list = 'skb',
	kafka_group_name = 'skb',
	kafka_format = 'LineAsString',
	kafka_num_consumers = 1,
	kafka_flush_interval_ms = 2000;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.kafka_lines TO skb.lines AS SELECT line FROM skb.kafka;
