-- Questions to a fleet. Those with {name:Type} take a value: clickhouse-client --param_name=VALUE.
-- Drops that cannot be a fault (severity normal) are left out. Those that were counted without an event (held) have no
-- severity: they are left out if all others at their place are normal.

-- drops-now: what drops most across the fleet now?
SELECT reason, function, sum(count) AS drops, uniqExact(host) AS hosts, anyIf(cause, cause != '') AS example
FROM
(
	SELECT *, min(held OR severity = 'normal') OVER (PARTITION BY reason, location)
		AND max(NOT held) OVER (PARTITION BY reason, location) AS only_normal
	FROM skb.drops FINAL
	WHERE time > now() - INTERVAL {minutes:UInt32} MINUTE
)
WHERE severity != 'normal' AND NOT (held AND only_normal)
GROUP BY reason, function
ORDER BY drops DESC, reason, function
LIMIT 20;

-- new-reasons: on which hosts is a reason new since yesterday? Hosts of which nothing older is known are left out.
SELECT reason, host, min(time) AS first, sum(count) AS drops
FROM skb.drops FINAL
WHERE severity != 'normal'
	AND host IN (SELECT host FROM skb.seen GROUP BY host HAVING min(first) < now() - INTERVAL 1 DAY)
GROUP BY reason, host
HAVING first >= now() - INTERVAL 1 DAY
ORDER BY reason, host;

-- flow: a flow's way across hosts, in the last hours, both directions, by the hosts' own clocks. If skb-track saw it
-- rewritten on a host (NAT), its other addresses too.
WITH skb_flow({proto:String}, toIPv6OrNull({src:String}), toUInt16({sport:UInt16}), toIPv6OrNull({dst:String}), toUInt16({dport:UInt16})) AS asked
SELECT time, host, probe, dev, netns, info, since, reason, location
FROM skb.events FINAL
WHERE toStartOfHour(time) >= toStartOfHour(now() - INTERVAL {hours:UInt32} HOUR)
	AND flow != 0
	AND (flow = asked
		OR flow IN (SELECT flow_last FROM skb.journeys WHERE flow = asked)
		OR flow IN (SELECT flow FROM skb.journeys WHERE flow_last = asked))
ORDER BY time, host, seq
LIMIT 1 BY host, boot, time, cpu, probe, skb_id;

-- hop-p99: how long do packets take to a probe from the one before, by host? Waits for a retransmission are left out,
-- and what is uncertain.
SELECT host, before, count() AS packets, round(quantileExactInclusive(0.99)(since)) AS p99, max(since) AS longest
FROM
(
	SELECT host, probe, since, resent, uncertain,
		lagInFrame(toString(probe)) OVER (PARTITION BY host, boot, stream, packet, branch ORDER BY hop, time
			ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS before
	FROM skb.events FINAL
	WHERE packet IS NOT NULL AND toStartOfHour(time) >= toStartOfHour(now() - INTERVAL {hours:UInt32} HOUR)
)
WHERE probe = {probe:String} AND since IS NOT NULL AND resent = 0 AND NOT uncertain
GROUP BY host, before
ORDER BY p99 DESC, host, before;

-- not-whole: of which hosts is something missing? `open` is the state of a stream that goes on: it is shown if nothing
-- has come of it for 5 minutes (skb-fleet sends a record each minute).
SELECT host, stream, state, last, lines, missing, lost
FROM skb.streams
WHERE state NOT IN ('whole', 'open') OR lost > 0 OR state = 'open' AND at < now() - INTERVAL 5 MINUTE
ORDER BY host, stream;

-- losses: what did skb-collect lose on its host, and why?
SELECT host, what, cause, sum(count) AS lost, max(time) AS latest
FROM skb.losses FINAL
GROUP BY host, what, cause
ORDER BY lost DESC, host, what;

-- counters: which of the kernels' own counters of loss grew most?
SELECT name, dev, sum(grew) AS grown, uniqExact(host) AS hosts
FROM skb.counters FINAL
WHERE limit IS NULL AND time > now() - INTERVAL {minutes:UInt32} MINUTE
GROUP BY name, dev
HAVING grown > 0
ORDER BY grown DESC, name, dev
LIMIT 20;
