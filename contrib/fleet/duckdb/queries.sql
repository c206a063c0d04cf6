-- The questions of ../clickhouse/queries.sql to the files of load.sql. Set the values first, as
--     SET VARIABLE minutes = 15;

-- drops-now
SELECT reason, function, sum(count)::UBIGINT AS drops, count(DISTINCT host) AS hosts, any_value(nullif(cause, '')) AS example
FROM (
	SELECT *, bool_and(held OR severity = 'normal') OVER (PARTITION BY reason, location)
		AND bool_or(NOT held) OVER (PARTITION BY reason, location) AS only_normal
	FROM 'drops.parquet'
	WHERE time > now()::TIMESTAMP - to_minutes(getvariable('minutes'))
)
WHERE severity != 'normal' AND NOT (held AND only_normal)
GROUP BY reason, function
ORDER BY drops DESC, reason, function
LIMIT 20;

-- new-reasons
SELECT reason, host, min(time) AS first, sum(count)::UBIGINT AS drops
FROM 'drops.parquet'
WHERE severity != 'normal'
	AND host IN (SELECT host FROM 'records.parquet' GROUP BY host HAVING min(time) < now()::TIMESTAMP - INTERVAL 1 DAY)
GROUP BY reason, host
HAVING first >= now()::TIMESTAMP - INTERVAL 1 DAY
ORDER BY reason, host;

-- flow
WITH asked AS (
	SELECT [getvariable('src'), getvariable('sport')::VARCHAR, getvariable('dst'), getvariable('dport')::VARCHAR] AS it
),
ends AS (
	SELECT [src, coalesce(sport, 0)::VARCHAR, dst, coalesce(dport, 0)::VARCHAR] AS first,
		[src_last, coalesce(sport_last, 0)::VARCHAR, dst_last, coalesce(dport_last, 0)::VARCHAR] AS last
	FROM 'journeys.parquet' WHERE src IS NOT NULL
),
wanted AS (
	SELECT it FROM asked
	UNION SELECT last FROM ends, asked WHERE first = it OR first = [it[3], it[4], it[1], it[2]]
	UNION SELECT first FROM ends, asked WHERE last = it OR last = [it[3], it[4], it[1], it[2]]
)
SELECT time, host, probe, dev, netns, info, since, reason, location
FROM 'events.parquet'
WHERE time >= date_trunc('hour', now()::TIMESTAMP - to_hours(getvariable('hours'))) AND proto = getvariable('proto')
	AND ([src, coalesce(sport, 0)::VARCHAR, dst, coalesce(dport, 0)::VARCHAR] IN (SELECT it FROM wanted)
		OR [dst, coalesce(dport, 0)::VARCHAR, src, coalesce(sport, 0)::VARCHAR] IN (SELECT it FROM wanted))
QUALIFY row_number() OVER (PARTITION BY host, boot, time, cpu, probe, skb_id ORDER BY seq) = 1
ORDER BY time, host, seq;

-- hop-p99
SELECT host, before, count(*) AS packets, round(quantile_cont(since, 0.99)) AS p99, max(since) AS longest
FROM (
	SELECT host, probe, since, resent, uncertain,
		coalesce(lag(probe) OVER (PARTITION BY host, boot, stream, packet, branch ORDER BY hop, time), '') AS before
	FROM 'events.parquet'
	WHERE packet IS NOT NULL AND time >= date_trunc('hour', now()::TIMESTAMP - to_hours(getvariable('hours')))
)
WHERE probe = getvariable('probe') AND since IS NOT NULL AND resent = 0 AND NOT uncertain
GROUP BY host, before
ORDER BY p99 DESC, host, before;
