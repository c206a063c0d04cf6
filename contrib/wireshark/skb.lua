-- Makes fields of what skb-pcap says in a packet's comments, for Wireshark and tshark 4.0
-- and newer:
--
--   tshark -X lua_script:skb.lua -r x.pcapng -Y 'skb.drop.reason == "NO_SOCKET"' -T fields -e skb.probe
--
-- To have it always, copy it into the folder that Help, About Wireshark, Folders calls
-- "Personal Lua Plugins". docs/wireshark.md has more, docs/pcapng.md what the values mean.

set_plugin_info({version = "1", author = "skb-tools", description = "Packets inside the Linux kernel"})

local skb = Proto("skb", "Linux sk_buff")

local text, uint32, uint64 = ProtoField.string, ProtoField.uint32, ProtoField.uint64

-- What is not printable stands as \xNN.
local function unescape(value)
	return (value:gsub("\\x(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

local decimals = {ns = 0, us = 3, ms = 6, s = 9}

-- A time such as 12.1us, exactly.
local function duration(value)
	local whole, fraction, unit = value:match("^(%d+)%.?(%d*)(%a+)$")
	local n = decimals[unit]
	if not n or #fraction > n then
		return nil
	end
	local digits = whole .. fraction .. string.rep("0", n - #fraction) -- ns
	return NSTime.new(tonumber(digits:sub(1, -10)) or 0, tonumber(digits:sub(-9)))
end

local function address(value)
	local digits = value:match("^0x(%x+)$")
	return digits and UInt64.fromhex(digits)
end

local function yes(value)
	return value == "true"
end

local function signed(value)
	return value:match("^%-?%d+$") and Int64.new(value)
end

local function unsigned(value)
	return value:match("^%d+$") and UInt64.new(value)
end

-- The keys of comments, the field that each becomes, and how its text is read.
local keys = {
	probe = {text("skb.probe", "Probe")},
	host = {text("skb.host", "Host")},
	dev = {text("skb.dev", "Device")},
	netns = {uint32("skb.netns", "Network namespace"), tonumber},
	packet = {uint64("skb.packet", "Packet"), unsigned},
	hop = {uint32("skb.hop", "Hop"), tonumber},
	since = {ProtoField.relative_time("skb.since", "Since the hop before"), duration},
	changed = {text("skb.changed", "Changed")},
	drop = {text("skb.drop.reason", "Dropped")},
	why = {text("skb.drop.why", "Why")},
	location = {text("skb.drop.location", "Dropped at")},
	cpu = {uint32("skb.cpu", "CPU"), tonumber},
	pid = {uint32("skb.pid", "Thread"), tonumber},
	comm = {text("skb.comm", "Thread's name")},
	mark = {uint32("skb.mark", "Mark", base.HEX), tonumber},
	id = {uint64("skb.id", "Identity of the data buffer"), unsigned},
	l2 = {text("skb.l2", "Link layer")},
	caller = {text("skb.caller", "Called by")},
	stack = {text("skb.stack", "Calls that led here")},
	["skb.hash"] = {uint32("skb.hash", "Hash", base.HEX), tonumber},
	["skb.priority"] = {uint32("skb.priority", "Priority"), tonumber},
	["skb.ip_summed"] = {text("skb.ip_summed", "Checksum")},
	["track.total"] = {ProtoField.relative_time("skb.track.total", "Since the first event"), duration},
	["track.uncertain"] = {ProtoField.bool("skb.track.uncertain", "Records were lost that could tell otherwise"), yes},
	["track.inferred"] = {ProtoField.bool("skb.track.inferred", "Concluded from the packet's bytes"), yes},
	["journey.total"] = {ProtoField.relative_time("skb.journey.total", "Time of the whole journey"), duration},
	["ret.value"] = {ProtoField.int64("skb.ret.value", "Returned"), signed},
	["bpf.code"] = {ProtoField.int64("skb.bpf.code", "BPF program returned"), signed},
	args = {text("skb.args", "Argument")},
	fields = {text("skb.fields", "Field")},
}

-- The others are called as their keys are, with skb. in front.
local function add(read, make, names, form)
	for name, label in pairs(names) do
		keys[name] = {make("skb." .. name, label, form), read}
	end
end

add(unescape, text, {
	["packet.missing"] = "Could not be read: offset and bytes",
	["netns.name"] = "Name of the network namespace",
	["track.by"] = "Packet known by", ["track.from.how"] = "Came by", ["journey.end"] = "The journey ended",
	["journey.unclear"] = "What its end does not tell",
	["why.meaning"] = "Meaning of the reason", ["why.where"] = "Place", ["why.look"] = "Command that shows more",
	["why.rule"] = "OpenFlow rule", ["why.rules_by"] = "Rules told by",
	["why.severity"] = "Severity", ["why.confidence"] = "Said by",
	["gso.type"] = "Segmentation", ["csum.summed"] = "Checksum",
	["sock.family"] = "Socket's family", ["sock.state"] = "Socket's state", ["sock.type"] = "Socket's type",
	["sock.src"] = "Socket's own address", ["sock.dst"] = "Socket's peer",
	["ct.state"] = "Connection", ["ct.dir"] = "Direction", ["ct.status"] = "Connection's status",
	["ct.proto_state"] = "State of the protocol", ["ct.helper"] = "Helper",
	["nft.type"] = "nftables step", ["nft.verdict"] = "Verdict", ["nft.family"] = "Family", ["nft.table"] = "Table",
	["nft.chain"] = "Chain", ["nft.jump"] = "Jump to",
	["ovs.type"] = "Open vSwitch", ["ovs.dp"] = "Datapath", ["ovs.action"] = "Action", ["ovs.args"] = "Action's arguments",
	["ovs.out_dev"] = "Output device", ["ovs.cmd"] = "Goes up because of", ["ovs.reason"] = "Goes up for",
	["ovs.ufid"] = "Flow", ["flow.rule"] = "OpenFlow rule of the flow", ["flow.by"] = "Rules of the flow told by",
	["bpf.kind"] = "Kind of BPF program", ["bpf.name"] = "BPF program", ["bpf.tag"] = "BPF program's tag",
	["bpf.verdict"] = "BPF program's verdict", ["bpf.errno"] = "Why it could not be done",
})
add(unsigned, uint64, {
	["netns.cookie"] = "Cookie of the network namespace", ["track.from.packet"] = "Came from packet",
	["sock.cookie"] = "Socket's cookie", ["sock.inode"] = "Socket's inode", ["sock.cgroup"] = "Socket's cgroup",
	["nft.handle"] = "Rule's handle",
})
add(tonumber, uint32, {
	["dev.rx_ifindex"] = "Came in by device number", ["process.tgid"] = "Process",
	["track.branch"] = "Branch", ["track.from.branch"] = "Came from branch",
	["journey.hops"] = "Hops of the journey", ["track.resent"] = "Sent before, times",
	["gso.size"] = "Bytes of a segment", ["gso.segs"] = "Segments",
	["csum.sum"] = "Sum", ["csum.start"] = "Summing begins at", ["csum.offset"] = "Sum goes to",
	["sock.sport"] = "Socket's own port", ["sock.dport"] = "Peer's port", ["sock.ifindex"] = "Bound to device number",
	["sock.protocol"] = "Socket's protocol", ["sock.uid"] = "Socket's owner", ["sock.rmem"] = "Receive buffer used",
	["sock.rcvbuf"] = "Receive buffer", ["sock.wmem"] = "Send buffer used", ["sock.sndbuf"] = "Send buffer",
	["sock.backlog"] = "Connections that wait to be accepted", ["sock.max_backlog"] = "Connections that may wait",
	["ct.zone"] = "Zone", ["ct.labels"] = "Label",
	["ovs.recirc_id"] = "Recirculation", ["ovs.in_port"] = "Input port", ["ovs.out_port"] = "Output port",
	["ovs.portid"] = "Netlink socket", ["ovs.mru"] = "Longest fragment", ["ovs.mask_hit"] = "Masks tried",
	["ovs.cache_hit"] = "Mask from the cache",
	["bpf.id"] = "BPF program's id", ["bpf.rx_queue"] = "Receive queue", ["bpf.ifindex"] = "Redirected to device number",
	["bpf.map"] = "Redirected through map", ["bpf.key"] = "Key in that map",
	["bpf.sent"] = "Packets sent", ["bpf.dropped"] = "Packets dropped",
})
add(yes, ProtoField.bool, {["sock.filter"] = "Socket has a filter", ["ovs.hit"] = "Flow found",
	["ovs.no_actions"] = "Flow has no actions"})
add(tonumber, uint32, {["ct.mark"] = "Connection's mark"}, base.HEX)
add(address, uint64, {
	["ret.skb"] = "Returned sk_buff", ["sock.addr"] = "Socket", ["ct.addr"] = "Connection's address",
}, base.HEX)
for tuple, label in pairs({orig = "First direction", reply = "Reply", parent = "Parent"}) do
	for _, end_ in ipairs({"src", "dst"}) do
		add(unescape, text, {["ct." .. tuple .. "." .. end_] = label .. ": " .. end_})
	end
	for _, number in ipairs({"sport", "dport", "proto", "id", "type", "code"}) do
		add(tonumber, uint32, {["ct." .. tuple .. "." .. number] = label .. ": " .. number})
	end
end

local all = {}
for _, key in pairs(keys) do
	table.insert(all, key[1])
end
skb.fields = all

local dropped = ProtoExpert.new("skb.dropped", "Dropped", expert.group.RESPONSE_CODE, expert.severity.WARN)
skb.experts = {dropped}

local comments = Field.new("frame.comment")

function skb.dissector(_, pinfo, root)
	local tree, summary
	for _, info in ipairs({comments()}) do
		local name, value = tostring(info.value):match("^(%l[%w_.]*)=(.*)$")
		local shown = tostring(info.value):match("^fields%.(.+)$")
		if shown then -- an expression and its value
			name, value = "fields", shown
		elseif name and name:match("^args%.") then -- of any name
			name, value = "args", name:sub(6) .. "=" .. value
		end
		local key = keys[name]
		local v = key and (key[2] or unescape)(value)
		-- Nothing is of ours that does not begin with the probe.
		if v and (tree or name == "probe") then
			if not tree then
				tree = root:add(skb)
				tree:set_generated()
				summary = "Linux sk_buff at " .. v
			end
			tree:add(key[1], v):set_generated()
			if name == "packet" then
				summary = summary .. ", packet " .. value
			elseif name == "hop" then
				summary = summary .. ", hop " .. value
			elseif name == "drop" then
				summary = summary .. ", dropped: " .. v
				tree:add_proto_expert_info(dropped, "Dropped: " .. v)
			end
		end
	end
	if tree then
		tree:set_text(summary)
	end
end

register_postdissector(skb)

if register_packet_menu then -- from 4.2 on
	register_packet_menu("skb-tools/Follow this packet", function(...)
		for _, field in ipairs({...}) do
			if field.name == "skb.packet" then
				set_filter("skb.packet == " .. tostring(field.value))
				apply_filter()
			end
		end
	end, "skb.packet")
end
