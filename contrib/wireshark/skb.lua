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

-- The keys of comments, the field that each becomes, and how its text is read.
local keys = {
	probe = {text("skb.probe", "Probe")},
	host = {text("skb.host", "Host")},
	dev = {text("skb.dev", "Device")},
	netns = {uint32("skb.netns", "Network namespace"), tonumber},
	packet = {uint64("skb.packet", "Packet"), UInt64.new},
	hop = {uint32("skb.hop", "Hop"), tonumber},
	since = {ProtoField.relative_time("skb.since", "Since the hop before")},
	changed = {text("skb.changed", "Changed")},
	drop = {text("skb.drop.reason", "Dropped")},
	why = {text("skb.drop.why", "Why")},
	location = {text("skb.drop.location", "Dropped at")},
	cpu = {uint32("skb.cpu", "CPU"), tonumber},
	pid = {uint32("skb.pid", "Thread"), tonumber},
	comm = {text("skb.comm", "Thread's name")},
	mark = {uint32("skb.mark", "Mark", base.HEX), tonumber},
	id = {uint64("skb.id", "Identity of the data buffer"), UInt64.new},
	l2 = {text("skb.l2", "Link layer")},
}

local all = {}
for _, key in pairs(keys) do
	table.insert(all, key[1])
end
skb.fields = all

local dropped = ProtoExpert.new("skb.dropped", "Dropped", expert.group.RESPONSE_CODE, expert.severity.WARN)
skb.experts = {dropped}

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
keys.since[2] = duration

local comments = Field.new("frame.comment")

function skb.dissector(_, pinfo, root)
	local tree, summary
	for _, info in ipairs({comments()}) do
		local name, value = tostring(info.value):match("^(%l[%l%d]*)=(.*)$")
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
