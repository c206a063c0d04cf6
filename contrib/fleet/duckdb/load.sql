-- Parquet files from lines of skb-stamp --bare in *.jsonl, also compressed (*.jsonl.zst needs a release of DuckDB that
-- reads it; *.jsonl.gz always works). Run it in the folder of the files: duckdb < load.sql
-- A line that is there twice is taken once.

SET TimeZone = 'UTC';

COPY (
	SELECT DISTINCT
		make_timestamp_ns((json->'fleet'->>'time')::BIGINT) AS time,
		json->'fleet'->>'host' AS host, json->'fleet'->>'boot' AS boot, json->'fleet'->>'stream' AS stream,
		(json->'fleet'->>'seq')::UBIGINT AS seq, json->>'type' AS type, json::VARCHAR AS line
	FROM read_ndjson_objects('*.jsonl*', maximum_object_size = 33554432)
	WHERE json->'fleet'->>'seq' IS NOT NULL
	ORDER BY host, boot, stream, seq
) TO 'records.parquet' (COMPRESSION zstd);

COPY (
	SELECT time, host, boot, stream, seq, j.cpu, j.probe, coalesce(j.dev.name, '') AS dev,
		coalesce(j.decoded.netns, '') AS netns, j.skb.id AS skb_id, coalesce(j.packet.len, j.skb.len) AS len,
		coalesce(j.decoded.proto, '') AS proto, j.decoded.src, j.decoded.sport, j.decoded.dst, j.decoded.dport,
		j.decoded.info, j.track.packet, coalesce(j.track.branch, 0) AS branch, j.track.hop, j.track.since, j.track.total,
		coalesce(j.track.resent, 0) AS resent, coalesce(j.track.uncertain, false) AS uncertain,
		coalesce(j.track.inferred, false) AS inferred, coalesce(j.drop.name, '') AS reason,
		coalesce(j.drop.location, '') AS location
	FROM (
		SELECT time, host, boot, stream, seq, json_transform(line, '{"cpu": "USMALLINT", "probe": "VARCHAR",
			"dev": {"name": "VARCHAR"}, "skb": {"id": "UBIGINT", "len": "UINTEGER"}, "packet": {"len": "UINTEGER"},
			"drop": {"name": "VARCHAR", "location": "VARCHAR"},
			"track": {"packet": "UBIGINT", "branch": "UINTEGER", "hop": "UINTEGER", "since": "BIGINT", "total": "BIGINT",
				"resent": "UINTEGER", "uncertain": "BOOLEAN", "inferred": "BOOLEAN"},
			"decoded": {"src": "VARCHAR", "dst": "VARCHAR", "sport": "USMALLINT", "dport": "USMALLINT", "proto": "VARCHAR",
				"netns": "VARCHAR", "info": "VARCHAR"}}') AS j
		FROM 'records.parquet' WHERE type = 'event'
	)
	ORDER BY time
) TO 'events.parquet' (COMPRESSION zstd);

COPY (
	SELECT time, host, boot, stream, seq, if(type = 'held', j.count, 1) AS count, type = 'held' AS held,
		coalesce(j.why.reason, j.drop.name, j.drop.location) AS reason, j.drop.location,
		split_part(j.drop.location, '+', 1) AS function, coalesce(j.why.severity, '') AS severity,
		coalesce(j.why.cause, '') AS cause, coalesce(j.dev.name, '') AS dev, j.decoded.proto, j.decoded.src, j.decoded.sport,
		j.decoded.dst, j.decoded.dport, j.decoded.info
	FROM (
		SELECT time, host, boot, stream, seq, type, json_transform(line, '{"count": "UBIGINT", "dev": {"name": "VARCHAR"},
			"drop": {"name": "VARCHAR", "location": "VARCHAR"},
			"why": {"reason": "VARCHAR", "severity": "VARCHAR", "cause": "VARCHAR"},
			"decoded": {"src": "VARCHAR", "dst": "VARCHAR", "sport": "USMALLINT", "dport": "USMALLINT", "proto": "VARCHAR",
				"info": "VARCHAR"}}') AS j
		FROM 'records.parquet'
		WHERE type = 'event' AND json_exists(line, '$.why') OR type = 'held' AND json_exists(line, '$.drop')
	)
	ORDER BY time
) TO 'drops.parquet' (COMPRESSION zstd);

COPY (
	SELECT time, host, boot, stream, seq, j.packet, j."end".how, coalesce(j."end".reason, j."end".location, '') AS reason,
		coalesce(j."end".location, '') AS location, coalesce(j."end".dev, '') AS dev, j.total, j.slowest, j.hops, j.branches,
		j.flow.first.proto, j.flow.first.src, j.flow.first.sport, j.flow.first.dst, j.flow.first.dport,
		j.flow.last.src AS src_last, j.flow.last.sport AS sport_last, j.flow.last.dst AS dst_last,
		j.flow.last.dport AS dport_last
	FROM (
		SELECT time, host, boot, stream, seq, json_transform(line, '{"packet": "UBIGINT", "total": "UBIGINT",
			"slowest": "UBIGINT", "hops": "UINTEGER", "branches": "UINTEGER",
			"end": {"how": "VARCHAR", "reason": "VARCHAR", "location": "VARCHAR", "dev": "VARCHAR"},
			"flow": {"first": {"src": "VARCHAR", "dst": "VARCHAR", "proto": "UTINYINT", "sport": "USMALLINT",
				"dport": "USMALLINT"}, "last": {"src": "VARCHAR", "dst": "VARCHAR", "proto": "UTINYINT", "sport": "USMALLINT",
				"dport": "USMALLINT"}}}') AS j
		FROM 'records.parquet' WHERE type = 'journey'
	)
	ORDER BY time
) TO 'journeys.parquet' (COMPRESSION zstd);
