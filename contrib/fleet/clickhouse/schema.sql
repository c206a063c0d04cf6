-- The tables of a fleet: docs/fleet.md says what is in them. Lines of skb-stamp go into skb.lines.
--
--     clickhouse-client --multiquery < schema.sql
--
-- A line that comes twice is stored twice for a while: it has the same host, boot, stream, seq and hash, and these are
-- at the end of each sorting key, so ReplacingMergeTree leaves one of them. `select ... from TABLE final` never shows
-- two. `at` is when a row came here; rows are deleted by it.

CREATE DATABASE IF NOT EXISTS skb;

-- The same number for both directions of a connection. 0: the packet has no addresses.
CREATE OR REPLACE FUNCTION skb_flow AS (proto, src, sport, dst, dport) -> if(src IS NULL OR dst IS NULL, 0,
	cityHash64(proto, cityHash64(ifNull(src, toIPv6('::')), ifNull(sport, 0))
		+ cityHash64(ifNull(dst, toIPv6('::')), ifNull(dport, 0))));

-- Whether a line is of skb-stamp.
CREATE OR REPLACE FUNCTION skb_ours AS (line) -> JSONExtractUInt(line, 'fleet', 'seq') > 0
	AND JSONExtractString(line, 'fleet', 'stream') != '' AND JSONExtractString(line, 'type') != '';

-- What comes in. Nothing is kept here.
CREATE TABLE IF NOT EXISTS skb.lines (line String) ENGINE = Null;

-- Lines that are not of skb-stamp.
CREATE TABLE IF NOT EXISTS skb.rejected
(
	at DateTime DEFAULT now(),
	line String CODEC(ZSTD(3))
)
ENGINE = MergeTree ORDER BY at TTL at + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.lines_rejected TO skb.rejected AS
SELECT line FROM skb.lines WHERE NOT skb_ours(line);

-- Every record as it came. `select line from skb.records final where host = ... and stream = ... order by seq` is the
-- stream again.
CREATE TABLE IF NOT EXISTS skb.records
(
	time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	type LowCardinality(String),
	line String CODEC(ZSTD(3)),
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (host, boot, stream, seq, hash)
TTL at + INTERVAL 3 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.lines_records TO skb.records AS
WITH JSONExtract(line, 'Tuple(type String, fleet Tuple(host String, boot String, stream String, seq UInt64, time String))') AS j
SELECT
	fromUnixTimestamp64Nano(toInt64OrZero(j.fleet.time), 'UTC') AS time,
	j.fleet.host AS host,
	toUUIDOrZero(j.fleet.boot) AS boot,
	j.fleet.stream AS stream,
	j.fleet.seq AS seq,
	toUInt32(cityHash64(line)) AS hash,
	j.type AS type,
	line
FROM skb.lines
WHERE skb_ours(line);

-- One row for each stream and type: which numbers are there. A bitmap counts a line that came twice once.
CREATE TABLE IF NOT EXISTS skb.seen
(
	host LowCardinality(String),
	boot UUID,
	stream LowCardinality(String),
	type LowCardinality(String),
	seqs AggregateFunction(groupBitmap, UInt64),
	first SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
	last SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
	at SimpleAggregateFunction(max, DateTime)
)
ENGINE = AggregatingMergeTree ORDER BY (host, boot, stream, type) TTL at + INTERVAL 1 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_seen TO skb.seen AS
SELECT host, boot, stream, type, groupBitmapState(seq) AS seqs, min(time) AS first, max(time) AS last, now() AS at
FROM skb.records
GROUP BY host, boot, stream, type;

-- Events: what a packet was at a probe. Ordered for a flow in some hours.
CREATE TABLE IF NOT EXISTS skb.events
(
	time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	cpu UInt16 CODEC(ZSTD(1)),
	probe LowCardinality(String),
	comm LowCardinality(String) COMMENT 'what ran on the CPU; empty: not known',
	dev LowCardinality(String) COMMENT 'empty: none',
	netns LowCardinality(String) COMMENT 'name or number; empty: not known',
	skb_id Nullable(UInt64) CODEC(Delta, ZSTD(1)),
	len Nullable(UInt32) CODEC(ZSTD(1)),
	flow UInt64 COMMENT 'skb_flow() of the next five; 0: no addresses' CODEC(ZSTD(1)),
	proto LowCardinality(String) COMMENT 'empty: not known',
	src Nullable(IPv6) COMMENT 'IPv4 as ::ffff:10.0.0.1' CODEC(ZSTD(1)),
	sport Nullable(UInt16) CODEC(ZSTD(1)),
	dst Nullable(IPv6) CODEC(ZSTD(1)),
	dport Nullable(UInt16) CODEC(ZSTD(1)),
	info String COMMENT 'the packet as text' CODEC(ZSTD(3)),
	packet Nullable(UInt64) COMMENT 'skb-track''s number, within stream' CODEC(Delta, ZSTD(1)),
	branch UInt32 CODEC(ZSTD(1)),
	hop Nullable(UInt32) CODEC(ZSTD(1)),
	since Nullable(Int64) COMMENT 'from the hop before, ns' CODEC(ZSTD(1)),
	total Nullable(Int64) COMMENT 'from the first hop, ns' CODEC(ZSTD(1)),
	resent UInt32 CODEC(ZSTD(1)),
	uncertain Bool COMMENT 'records were lost that could tell something else',
	inferred Bool COMMENT 'joined by the packet''s bytes alone',
	reason LowCardinality(String) COMMENT 'of a drop; empty: no drop, or the kernel tells none',
	location LowCardinality(String) COMMENT 'of a drop: function+0x1a; empty: no drop',
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), flow, time, host, boot, stream, seq, hash)
TTL at + INTERVAL 14 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_events TO skb.events AS
WITH JSONExtract(line, 'Tuple(
	cpu UInt16, probe String, process Tuple(comm String), dev Tuple(name String),
	skb Tuple(id Nullable(UInt64), len Nullable(UInt32)), packet Tuple(len Nullable(UInt32)),
	drop Tuple(name String, location String),
	track Tuple(packet Nullable(UInt64), branch UInt32, hop Nullable(UInt32), since Nullable(Int64), total Nullable(Int64),
		resent UInt32, uncertain Bool, inferred Bool),
	decoded Tuple(src String, dst String, sport Nullable(UInt16), dport Nullable(UInt16), proto String, netns String,
		info String))') AS j
SELECT
	time, host, boot, stream, seq, hash,
	j.cpu AS cpu, j.probe AS probe, j.process.comm AS comm, j.dev.name AS dev, j.decoded.netns AS netns,
	j.skb.id AS skb_id, ifNull(j.packet.len, j.skb.len) AS len,
	skb_flow(j.decoded.proto, toIPv6OrNull(j.decoded.src), j.decoded.sport, toIPv6OrNull(j.decoded.dst), j.decoded.dport) AS flow,
	j.decoded.proto AS proto, toIPv6OrNull(j.decoded.src) AS src, j.decoded.sport AS sport,
	toIPv6OrNull(j.decoded.dst) AS dst, j.decoded.dport AS dport, j.decoded.info AS info,
	j.track.packet AS packet, j.track.branch AS branch, j.track.hop AS hop, j.track.since AS since, j.track.total AS total,
	j.track.resent AS resent, j.track.uncertain AS uncertain, j.track.inferred AS inferred,
	j.drop.name AS reason, j.drop.location AS location
FROM skb.records
WHERE type = 'event';

-- Drops that skb-drops explained, and those that skb-collect counted without an event (`held`). Ordered for a reason.
CREATE TABLE IF NOT EXISTS skb.drops
(
	time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	count UInt64 COMMENT '1, or of held as many as were counted' CODEC(ZSTD(1)),
	held Bool COMMENT 'counted without an event: there is no packet, and no cause',
	reason LowCardinality(String) COMMENT 'the location where the kernel tells no reason',
	location LowCardinality(String),
	function LowCardinality(String) COMMENT 'location without the offset, which differs between builds',
	severity LowCardinality(String) COMMENT 'normal, suspect or fault; empty: held',
	confidence LowCardinality(String) COMMENT 'kernel or inferred',
	cause String COMMENT 'empty: not known' CODEC(ZSTD(3)),
	look Array(String) COMMENT 'commands that show more' CODEC(ZSTD(3)),
	dev LowCardinality(String) COMMENT 'empty: none',
	netns LowCardinality(String),
	flow UInt64 CODEC(ZSTD(1)),
	proto LowCardinality(String),
	src Nullable(IPv6) CODEC(ZSTD(1)),
	sport Nullable(UInt16) CODEC(ZSTD(1)),
	dst Nullable(IPv6) CODEC(ZSTD(1)),
	dport Nullable(UInt16) CODEC(ZSTD(1)),
	info String CODEC(ZSTD(3)),
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (reason, location, host, time, boot, stream, seq, hash)
TTL at + INTERVAL 90 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_drops TO skb.drops AS
WITH JSONExtract(line, 'Tuple(
	count UInt64, dev Tuple(name String), netns Tuple(inum UInt32), drop Tuple(name String, location String),
	why Tuple(reason String, severity String, confidence String, cause String, look Array(String)),
	decoded Tuple(src String, dst String, sport Nullable(UInt16), dport Nullable(UInt16), proto String, netns String,
		info String))') AS j
SELECT
	time, host, boot, stream, seq, hash,
	if(type = 'held', j.count, 1) AS count, type = 'held' AS held,
	multiIf(j.why.reason != '', j.why.reason, j.drop.name != '', j.drop.name, j.drop.location) AS reason,
	j.drop.location AS location, substringIndex(j.drop.location, '+', 1) AS function,
	j.why.severity AS severity, j.why.confidence AS confidence, j.why.cause AS cause, j.why.look AS look,
	j.dev.name AS dev, if(type = 'held', if(j.netns.inum > 0, toString(j.netns.inum), ''), j.decoded.netns) AS netns,
	skb_flow(j.decoded.proto, toIPv6OrNull(j.decoded.src), j.decoded.sport, toIPv6OrNull(j.decoded.dst), j.decoded.dport) AS flow,
	j.decoded.proto AS proto, toIPv6OrNull(j.decoded.src) AS src, j.decoded.sport AS sport,
	toIPv6OrNull(j.decoded.dst) AS dst, j.decoded.dport AS dport, j.decoded.info AS info
FROM skb.records
WHERE type = 'event' AND JSONHas(line, 'why') OR type = 'held' AND JSONHas(line, 'drop');

-- Journeys: how a packet ended on its host. Ordered as events are, by the first flow of the journey.
CREATE TABLE IF NOT EXISTS skb.journeys
(
	time DateTime64(9, 'UTC') COMMENT 'of the last record about the packet' CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	packet UInt64 CODEC(Delta, ZSTD(1)),
	how LowCardinality(String) COMMENT 'delivered, transmitted, dropped, consumed, merged, lost or open',
	unclear LowCardinality(String) COMMENT 'what it may have been that the kernel does not tell; empty: nothing',
	reason LowCardinality(String) COMMENT 'of a drop; the location where the kernel tells no reason',
	location LowCardinality(String),
	dev LowCardinality(String),
	comm LowCardinality(String) COMMENT 'of the thread that read it; empty: not known',
	total UInt64 COMMENT 'ns' CODEC(ZSTD(1)),
	slowest UInt64 COMMENT 'longest time between two hops, ns' CODEC(ZSTD(1)),
	hops UInt32 CODEC(ZSTD(1)),
	branches UInt32 CODEC(ZSTD(1)),
	resent UInt32 CODEC(ZSTD(1)),
	uncertain Array(LowCardinality(String)) COMMENT 'what was lost while it lived',
	inferred Bool,
	flow UInt64 COMMENT 'skb_flow() of the next five' CODEC(ZSTD(1)),
	proto LowCardinality(String),
	src Nullable(IPv6) COMMENT 'as first seen' CODEC(ZSTD(1)),
	sport Nullable(UInt16) CODEC(ZSTD(1)),
	dst Nullable(IPv6) CODEC(ZSTD(1)),
	dport Nullable(UInt16) CODEC(ZSTD(1)),
	flow_last UInt64 COMMENT 'the same as last seen: another one after NAT' CODEC(ZSTD(1)),
	src_last Nullable(IPv6) CODEC(ZSTD(1)),
	sport_last Nullable(UInt16) CODEC(ZSTD(1)),
	dst_last Nullable(IPv6) CODEC(ZSTD(1)),
	dport_last Nullable(UInt16) CODEC(ZSTD(1)),
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (toStartOfHour(time), flow, time, host, boot, stream, seq, hash)
TTL at + INTERVAL 30 DAY;

-- The names that `decoded.proto` has for numbers of IP, as far as flows have ports; others stay numbers.
CREATE OR REPLACE FUNCTION skb_proto AS (number) -> multiIf(number = 1, 'icmp', number = 6, 'tcp', number = 17, 'udp',
	number = 58, 'icmp6', number = 132, 'sctp', toString(number));

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_journeys TO skb.journeys AS
WITH JSONExtract(line, 'Tuple(
	packet UInt64, total UInt64, slowest UInt64, hops UInt32, branches UInt32, resent UInt32, uncertain Array(String),
	inferred Bool,
	end Tuple(how String, unclear String, reason String, location String, dev String, comm String),
	flow Tuple(
		first Tuple(src String, dst String, proto Nullable(UInt8), sport Nullable(UInt16), dport Nullable(UInt16)),
		last Tuple(src String, dst String, proto Nullable(UInt8), sport Nullable(UInt16), dport Nullable(UInt16))))') AS j
SELECT
	time, host, boot, stream, seq, hash, j.packet AS packet,
	j.end.how AS how, j.end.unclear AS unclear,
	if(j.end.reason != '', j.end.reason, j.end.location) AS reason, j.end.location AS location,
	j.end.dev AS dev, j.end.comm AS comm,
	j.total AS total, j.slowest AS slowest, j.hops AS hops, j.branches AS branches, j.resent AS resent,
	j.uncertain AS uncertain, j.inferred AS inferred,
	ifNull(skb_proto(j.flow.first.proto), '') AS proto,
	skb_flow(ifNull(skb_proto(j.flow.first.proto), ''), toIPv6OrNull(j.flow.first.src), j.flow.first.sport,
		toIPv6OrNull(j.flow.first.dst), j.flow.first.dport) AS flow,
	toIPv6OrNull(j.flow.first.src) AS src, j.flow.first.sport AS sport,
	toIPv6OrNull(j.flow.first.dst) AS dst, j.flow.first.dport AS dport,
	skb_flow(ifNull(skb_proto(j.flow.last.proto), ''), toIPv6OrNull(j.flow.last.src), j.flow.last.sport,
		toIPv6OrNull(j.flow.last.dst), j.flow.last.dport) AS flow_last,
	toIPv6OrNull(j.flow.last.src) AS src_last, j.flow.last.sport AS sport_last,
	toIPv6OrNull(j.flow.last.dst) AS dst_last, j.flow.last.dport AS dport_last
FROM skb.records
WHERE type = 'journey';

-- What skb-collect says was lost on its host.
CREATE TABLE IF NOT EXISTS skb.losses
(
	time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	what LowCardinality(String),
	count UInt64 COMMENT 'at least',
	cause String CODEC(ZSTD(3)),
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (host, time, boot, stream, seq, hash)
TTL at + INTERVAL 1 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_losses TO skb.losses AS
WITH JSONExtract(line, 'Tuple(what String, count UInt64, cause String, why String)') AS j
SELECT time, host, boot, stream, seq, hash, j.what AS what, j.count AS count, if(j.cause != '', j.cause, j.why) AS cause
FROM skb.records
WHERE type = 'loss';

-- The kernels' own counters of loss: how much each grew. Ordered for a counter.
CREATE TABLE IF NOT EXISTS skb.counters
(
	time DateTime64(9, 'UTC') CODEC(Delta, ZSTD(1)),
	host LowCardinality(String),
	boot UUID CODEC(ZSTD(1)),
	stream LowCardinality(String),
	seq UInt64 CODEC(Delta, ZSTD(1)),
	hash UInt32 CODEC(NONE),
	n UInt32 COMMENT 'place within the record; 0: the row says what was not read',
	source LowCardinality(String),
	name LowCardinality(String),
	netns UInt32 COMMENT '0: of the whole machine',
	dev LowCardinality(String),
	qdisc LowCardinality(String),
	sock String CODEC(ZSTD(1)),
	grew Nullable(UInt64) COMMENT 'since it was last read; NULL: it was not read before' CODEC(ZSTD(1)),
	value Nullable(UInt64) CODEC(ZSTD(1)),
	limit Nullable(UInt64) COMMENT 'of a level; NULL: it counts' CODEC(ZSTD(1)),
	unread Array(String) COMMENT 'sources that could not be read, of n = 0' CODEC(ZSTD(3)),
	at DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (name, host, time, boot, stream, seq, hash, n)
TTL at + INTERVAL 90 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_counters TO skb.counters AS
WITH JSONExtract(line, 'grew', 'Array(Tuple(source String, name String, netns UInt32, dev String, qdisc String,
	sock String, from Nullable(UInt64), to Nullable(UInt64), limit Nullable(UInt64)))') AS grown
SELECT
	time, host, boot, stream, seq, hash, n,
	c.source AS source, c.name AS name, c.netns AS netns, c.dev AS dev, c.qdisc AS qdisc, c.sock AS sock,
	if(c.to >= c.from, c.to - c.from, NULL) AS grew, c.to AS value, c.limit AS limit
FROM skb.records
ARRAY JOIN grown AS c, range(1, length(grown) + 1) AS n
WHERE type = 'counters';

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_unread TO skb.counters AS
SELECT time, host, boot, stream, seq, hash, JSONExtract(line, 'unread', 'Array(String)') AS unread
FROM skb.records
WHERE type = 'counters' AND notEmpty(unread);

-- Starts and ends of streams.
CREATE TABLE IF NOT EXISTS skb.runs
(
	time DateTime64(9, 'UTC'),
	host LowCardinality(String),
	boot UUID,
	stream LowCardinality(String),
	seq UInt64,
	hash UInt32,
	type LowCardinality(String) COMMENT 'start or end',
	kernel LowCardinality(String),
	arch LowCardinality(String),
	tool LowCardinality(String),
	cmdline Array(String),
	events UInt64 COMMENT 'of an end: so many events came before it',
	links UInt64,
	frees UInt64,
	lost UInt64,
	cause LowCardinality(String),
	at DateTime DEFAULT now()
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (host, boot, stream, seq, hash)
TTL at + INTERVAL 1 YEAR;

CREATE MATERIALIZED VIEW IF NOT EXISTS skb.records_runs TO skb.runs AS
WITH JSONExtract(line, 'Tuple(kernel String, arch String, tool String, cmdline Array(String), events UInt64, links UInt64,
	frees UInt64, lost UInt64, cause String, why String)') AS j
SELECT
	time, host, boot, stream, seq, hash, type,
	j.kernel AS kernel, j.arch AS arch, j.tool AS tool, j.cmdline AS cmdline,
	j.events AS events, j.links AS links, j.frees AS frees, j.lost AS lost, if(j.cause != '', j.cause, j.why) AS cause
FROM skb.records
WHERE type IN ('start', 'end');

-- Which streams are whole. `state` is one of:
--   whole             it has its end, and all that the end counts
--   open              it has no end: it still goes on, or its writer was killed
--   cut               it has no end, and the host has begun the same anew since: its writer was killed
--   lines missing     numbers are missing in the middle, or at the start
--   records missing   the end counts more than there are
CREATE OR REPLACE VIEW skb.streams AS
SELECT
	s.host AS host, s.boot AS boot, s.stream AS stream, s.first AS first, s.last AS last, s.at AS at, s.lines AS lines,
	s.highest - s.lines AS missing, s.events AS events, e.events AS counted, e.lost AS lost,
	multiIf(s.highest != s.lines, 'lines missing',
		e.ends = 0 AND s.first < max(s.first) OVER (PARTITION BY s.host, replaceRegexpOne(s.stream, '-[0-9]+$', '')), 'cut',
		e.ends < greatest(e.starts, 1), 'open',
		e.events != s.events OR e.links != s.links OR e.frees != s.frees, 'records missing',
		'whole') AS state
FROM
(
	SELECT
		host, boot, stream, min(first) AS first, max(last) AS last, max(at) AS at,
		groupBitmapMerge(seqs) AS lines, bitmapMax(groupBitmapMergeState(seqs)) AS highest,
		groupBitmapMergeIf(seqs, type = 'event') AS events, groupBitmapMergeIf(seqs, type = 'link') AS links,
		groupBitmapMergeIf(seqs, type = 'free') AS frees
	FROM skb.seen
	GROUP BY host, boot, stream
) AS s
LEFT JOIN
(
	SELECT
		host, boot, stream, countIf(type = 'start') > 0 AS starts, countIf(type = 'end') AS ends,
		sum(events) AS events, sum(links) AS links, sum(frees) AS frees, sum(lost) AS lost
	FROM skb.runs FINAL
	GROUP BY host, boot, stream
) AS e USING (host, boot, stream);
