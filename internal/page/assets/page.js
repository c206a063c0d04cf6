// The page of skb-track --html and skb-drops --html. What is shown of the data gets into the document as text nodes
// and numbers alone.
"use strict";
(() => {
	const data = JSON.parse(document.getElementById("data").textContent);
	const root = document.getElementById("page");
	const colors = ["#1f77b4", "#d9742b", "#2f9e44", "#9061c2", "#b08900", "#0c8599", "#c2255c", "#5c7cfa", "#74b816", "#a9572c", "#868e96", "#e599f7", "#38d9a9", "#ffa94d", "#4dabf7", "#adb5bd"];
	const reds = ["#c01c28", "#e8590c", "#9c1c5c", "#ff8787", "#f76707", "#7b1e1e", "#d6336c", "#ffa94d"];
	const ends = { delivered: "#2f9e44", transmitted: "#1f77b4", consumed: "#868e96", merged: "#9061c2", open: "#b08900", lost: "#7a0d15" };

	// el makes an element. Children are nodes or text.
	function el(tag, attributes, ...children) {
		const e = document.createElement(tag);
		for (const [key, value] of Object.entries(attributes || {})) {
			if (key === "on") Object.entries(value).forEach(([name, f]) => e.addEventListener(name, f));
			else e.setAttribute(key, value);
		}
		e.append(...children.filter((c) => c !== "" && c != null));
		return e;
	}
	function drawn(tag, attributes) {
		const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
		for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
		return e;
	}
	const section = (title, ...children) => root.appendChild(el("section", {}, el("h2", {}, title), ...children));

	// duration is a time as skb-track's text has it: three digits and a unit.
	function duration(ns) {
		for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
			if (ns >= size) {
				const v = ns / size;
				return (v < 10 ? v.toFixed(2) : v < 100 ? v.toFixed(1) : v.toFixed(0)) + unit;
			}
		}
		return Math.round(ns) + "ns";
	}
	// span is a length of the time axis, of which some are long.
	function span(s) {
		for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
			if (s >= 3 * size) return +(s / size).toFixed(1) + " " + unit;
		}
		return duration(s * 1e9);
	}
	// clock is a time of day, UTC, or seconds of the host's clock.
	function clock(s, digits) {
		if (!data.clock) return s.toFixed(digits) + " s";
		const whole = Math.floor(s);
		const date = new Date(whole * 1000);
		if (isNaN(date)) return s.toFixed(digits) + " s";
		return date.toISOString().slice(11, 19) + (s - whole).toFixed(digits).slice(1);
	}
	function moment(s) {
		if (!data.clock) return s.toFixed(6) + " s since the host's start";
		const date = new Date(Math.floor(s) * 1000);
		return isNaN(date) ? s + " s" : date.toISOString().slice(0, 10) + " " + clock(s, 3) + " UTC";
	}
	const many = (n, one) => n + " " + one + (n === 1 ? "" : "s");
	const lost = (since, until) => data.lost.filter((l) => l.until >= since && l.since <= until);

	function table(head, rows, numbers) {
		const cls = (i) => (numbers.includes(i) ? { class: "n" } : {});
		return el("div", { class: "scroll" }, el("table", {},
			el("thead", {}, el("tr", {}, ...head.map((h, i) => el("th", cls(i), h)))),
			el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((c, i) => el("td", cls(i), c instanceof Node ? c : String(c))))))));
	}

	function head() {
		const hosts = [...new Set(data.starts.map((s) => s.Host).filter((h) => h))];
		root.append(el("h1", {}, data.title + (hosts.length ? " on " + hosts.slice(0, 5).join(", ") : "")));
		if (!data.whole) {
			const words = data.lost.length ? "Events were lost. They are marked red in every chart." : data.sure[0];
			root.append(el("p", { class: "banner", id: "notwhole" }, words));
		}
		const captures = data.starts.map((s) => el("div", { class: "capture" },
			el("b", {}, s.Host || "host not known"), " ", [s.Kernel, s.Arch].filter((x) => x).join(" "),
			s.At ? el("div", {}, "from " + moment(s.At)) : "",
			el("div", { class: "dim" }, s.Capture ? "read from a capture, which knows less" :
				[many(s.Probes, "probe"), many(s.CPUs, "CPU"), "at most " + s.Snaplen + " bytes of a packet", s.Tool].join(", ")),
			s.Command ? el("code", {}, s.Command) : ""));
		root.append(el("div", { class: "captures" }, ...captures.slice(0, 4)));
		if (captures.length > 4) {
			root.append(el("details", {}, el("summary", {}, "and " + many(captures.length - 4, "more capture")), el("div", { class: "captures" }, ...captures.slice(4))));
		}
		root.append(el("h3", {}, "How sure this is"), el("ul", { id: "sure" }, ...data.sure.map((s) => el("li", {}, s)),
			...data.lost.slice(0, 20).map((l) => el("li", { class: "bad" }, "lost: " + l.count + " of kind " + l.what + ", from " +
				clock(l.since, 6) + " to " + clock(l.until, 6) + (l.cause ? ": " + l.cause : ""))),
			data.lost.length > 20 ? el("li", { class: "bad" }, "and " + (data.lost.length - 20 + data.more_lost) + " more losses") : ""),
			el("p", { class: "dim" }, "Written by " + data.tool + ". " + (data.clock ? "Times are UTC." : "")));
	}

	// chart draws counts over time, stacked, with a red band for each loss.
	function chart(title, series, colorOf) {
		const cells = series.counts.length ? series.counts[0].length : 0;
		if (!cells) {
			section(title, el("p", { class: "dim" }, "Nothing to draw."));
			return;
		}
		const t0 = series.since;
		const x = Array.from({ length: cells + 1 }, (_, i) => i * series.width);
		const raw = series.counts.map((c) => [...c, 0]);
		const order = series.names.map((_, i) => i).sort((a, b) => sum(raw[b]) - sum(raw[a]));
		const stacked = [];
		let below = x.map(() => 0);
		for (const i of order) {
			below = below.map((v, k) => v + raw[i][k]);
			stacked.unshift([i, below]);
		}
		const wide = () => Math.max(200, box.clientWidth);
		const box = el("div", { class: "chart", tabindex: "0", role: "img", "data-losses": data.lost.length,
			"aria-label": title + ". Plus and minus zoom, the arrows move, 0 shows all." });
		const style = getComputedStyle(document.documentElement);
		const ink = style.getPropertyValue("--ink"), line = style.getPropertyValue("--line"), red = style.getPropertyValue("--lost");
		const axis = { stroke: ink, grid: { stroke: line }, ticks: { stroke: line } };
		const step = uPlot.paths.stepped({ align: 1 });
		const plot = new uPlot({
			width: 600, height: 260,
			cursor: { drag: { x: true, y: false } },
			scales: { x: { time: false }, y: { range: (u, min, max) => [0, Math.max(1, max)] } },
			axes: [{ ...axis, space: 70, values: (u, all) => all.map((v) => (v < 0 ? "" : span(v))) }, { ...axis, size: 60, incrs: [1, 2, 5].flatMap((n) => Array.from({ length: 16 }, (_, e) => n * 10 ** e)).sort((a, b) => a - b) }],
			series: [{ label: "time", value: (u, v) => (v == null ? "" : clock(t0 + v, 6)) }, ...stacked.map(([i]) => ({
				label: series.names[i], fill: colorOf(series.names[i], i), stroke: colorOf(series.names[i], i), width: 1, paths: step,
				points: { show: false }, value: (u, v, s, k) => (k == null ? "" : raw[i][k]),
			}))],
			hooks: {
				draw: [(u) => {
					u.ctx.save();
					u.ctx.beginPath();
					u.ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
					u.ctx.clip();
					u.ctx.fillStyle = red;
					for (const l of data.lost) {
						const from = u.valToPos(l.since - t0, "x", true), to = u.valToPos(l.until - t0, "x", true);
						u.ctx.fillRect(from, u.bbox.top, Math.max(2, to - from), u.bbox.height);
					}
					u.ctx.restore();
				}],
			},
		}, [x, ...stacked.map(([, v]) => v)], box);
		const all = [x[0], x[cells]];
		const show = (min, max) => plot.setScale("x", { min: Math.max(all[0], min), max: Math.min(all[1], max) });
		const zoom = (by) => {
			const { min, max } = plot.scales.x, middle = (min + max) / 2, half = (max - min) / 2 * by;
			if (half > series.width) show(middle - half, middle + half);
		};
		const move = (by) => {
			const { min, max } = plot.scales.x, d = Math.min(Math.max((max - min) * by, all[0] - min), all[1] - max);
			show(min + d, max + d);
		};
		box.addEventListener("keydown", (e) => {
			const f = { "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), 0: () => show(...all),
				ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2) }[e.key];
			if (f && !e.ctrlKey && !e.metaKey) {
				f();
				e.preventDefault();
			}
		});
		section(title, el("p", { class: "dim" }, "From " + moment(t0) + ", " + span(series.width) +
			" a step. Drag over a part to zoom into it; a double click shows all." + (data.lost.length ? " Red: events were lost." : "")),
		el("div", { class: "bar" }, el("button", { on: { click: () => zoom(0.5) } }, "zoom in"),
			el("button", { on: { click: () => zoom(2) } }, "zoom out"), el("button", { on: { click: () => show(...all) } }, "all")), box);
		new ResizeObserver(() => requestAnimationFrame(() => plot.setSize({ width: wide(), height: 260 }))).observe(box);
		box.plot = plot;
	}
	const sum = (list) => list.reduce((a, b) => a + b, 0);

	function numbers(r) {
		const pairs = (m) => Object.entries(m || {}).sort((a, b) => b[1] - a[1]);
		const tables = el("div", { class: "tables" });
		const add = (title, id, t) => tables.append(el("div", { id, class: "scroll" }, el("h3", {}, title), t));
		add("How they ended", "endings", table(["ended", "journeys"], pairs(r.endings), [1]));
		if (pairs(r.reasons).length) add("Why they were dropped", "reasons", table(["reason", "journeys"], pairs(r.reasons), [1]));
		add("From first to last", "total", table(["", "time"], [["half within", duration(r.total.p50)], ["90% within", duration(r.total.p90)],
			["99% within", duration(r.total.p99)], ["longest", duration(r.total.max)]], [1]));
		section("Numbers", el("p", { id: "counts" }, many(r.journeys, "journey") + ", " + many(r.branches, "branch").replace("branchs", "branches") +
			", " + many(r.events, "event")), tables);
	}

	// heat draws how long hops took over time, for each pair of probes.
	function heat(h, hops) {
		if (!h.rows.length) return;
		let low = Infinity, high = 0;
		for (const row of h.rows) {
			row.count.forEach((n, i) => {
				if (n) {
					low = Math.min(low, Math.max(1, row.p50[i]));
					high = Math.max(high, row.p99[i]);
				}
			});
		}
		const hue = (v) => {
			const f = high > low ? Math.log(Math.max(v, low) / low) / Math.log(high / low) : 0;
			return `hsl(${220 - 200 * f} 75% ${70 - 22 * f}%)`;
		};
		const grid = el("div", { class: "heat", id: "heat" });
		const read = el("p", { class: "read mono", "aria-live": "polite" }, "Point at a cell, or move with the arrows.");
		const cellSpan = (i) => [h.since + i * h.width, h.since + (i + 1) * h.width];
		let which = "p99";
		function draw() {
			grid.replaceChildren();
			if (data.lost.length) {
				grid.append(el("div", { class: "name bad" }, "events were lost"), el("div", { class: "cells" },
					...Array.from({ length: h.cells }, (_, i) => el("i", lost(...cellSpan(i)).length ? { class: "lost" } : {}))));
			}
			h.rows.forEach((row) => {
				const cells = el("div", { class: "cells", tabindex: "0", role: "img", "aria-label": row.from + " to " + row.to });
				const marks = row.count.map((n, i) => {
					const c = el("i", n && lost(...cellSpan(i)).length ? { class: "odd" } : {});
					if (n) c.style.backgroundColor = hue(row[which][i]);
					cells.append(c);
					return c;
				});
				const say = (i) => {
					grid.querySelectorAll(".at").forEach((c) => c.classList.remove("at"));
					marks[i].classList.add("at");
					const [since, until] = cellSpan(i);
					read.textContent = clock(since, 6) + " to " + clock(until, 6) + "  " + row.from + " → " + row.to + ": " + (row.count[i] ?
						many(row.count[i], "hop") + ", p50 ~" + duration(row.p50[i]) + ", p90 ~" + duration(row.p90[i]) + ", p99 ~" + duration(row.p99[i]) :
						"none") + (lost(since, until).length ? "; events were lost" : "");
					at = i;
				};
				let at = 0;
				cells.addEventListener("mousemove", (e) => {
					const i = marks.indexOf(e.target);
					if (i >= 0) say(i);
				});
				cells.addEventListener("keydown", (e) => {
					const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: h.cells - 1 }[e.key];
					if (to !== undefined) {
						say(Math.min(Math.max(to, 0), h.cells - 1));
						e.preventDefault();
					}
				});
				grid.append(el("div", { class: "name mono" }, row.from + " → " + row.to), cells);
			});
		}
		const choice = el("select", { on: { change: (e) => {
			which = e.target.value;
			draw();
		} } }, ...["p99", "p90", "p50"].map((q) => el("option", { value: q }, q)));
		const key = el("span", { class: "key" });
		key.style.background = `linear-gradient(90deg,${[0, 0.25, 0.5, 0.75, 1].map((f) => hue(low * Math.pow(high / low, f))).join(",")})`;
		draw();
		section("How long it took from probe to probe", el("p", { class: "dim" }, "A row for each pair of probes, those with the most time first; a cell is " +
			span(h.width) + ". The cells' numbers are true to 7%, those of the table to 1%." +
			(h.more ? " " + h.more + " hops between other probes are in the table alone." : "")),
		el("div", { class: "bar" }, el("label", {}, "colour by", choice), el("span", {}, duration(low), " ", key, " ", duration(high))), grid, read,
		el("details", {}, el("summary", {}, "the same as a table"), hops));
	}

	function hopTable(r) {
		const rows = r.hops.map((h) => [h.from, h.to, h.count, duration(h.p50), duration(h.p90), duration(h.p99), duration(h.max)]);
		const t = table(["from", "to", "count", "p50", "p90", "p99", "max"], rows, [2, 3, 4, 5, 6]);
		t.id = "hops";
		return t;
	}

	function flows(r) {
		if (!r.flows.length) return;
		section("Flows", el("details", {}, el("summary", {}, many(r.flows.length, "flow") + (r.more_flows ? ", and " + r.more_flows + " journeys of others" : "")),
			table(["flow", "journeys", "ended"], r.flows.map((f) => [f.flow, f.journeys,
				Object.entries(f.endings).map(([k, v]) => k + " " + v).join(", ")]), [1])));
	}

	// Places in a hop and in an end, as package page writes them.
	const [HAT, HSINCE, HPROBE, HDEV, HNETNS, HCPU, HBRANCH, HFROM, HFROMBRANCH, HCHANGED, HDROP, HUNSURE] = Array(12).keys();
	const [EBRANCH, EAT, EHOW, EDROP] = Array(4).keys();

	// picture draws a journey: a row for each hop, a lane for each device of each namespace. It starts with pictureRows of
	// them: 5,000 at once, over 150 lanes, kept Chromium busy for half a minute.
	const pictureRows = 200;
	function picture(j, names) {
		const lanes = [], laneAt = new Map(), rows = [], last = new Map();
		const laneOf = (dev, ns) => {
			const key = dev + " " + ns;
			if (!laneAt.has(key)) laneAt.set(key, lanes.push([dev, ns]) - 1);
			return laneAt.get(key);
		};
		const all = [...j.h.map((h) => ({ h, at: h[HAT], branch: h[HBRANCH] })), ...(j.x || []).map((x) => ({ x, at: x[EAT], branch: x[EBRANCH] }))];
		all.sort((a, b) => a.at - b.at);
		let number = 0, longest = 1;
		for (const p of all) {
			let was = last.get(p.branch);
			if (p.h) {
				p.number = number++;
				longest = Math.max(longest, p.h[HSINCE]);
				if (was === undefined && p.h[HFROM]) was = last.get(p.h[HFROMBRANCH]);
				p.lane = p.h[HDEV] || was === undefined ? laneOf(p.h[HDEV], p.h[HNETNS]) : all[was].lane;
			} else {
				p.lane = was === undefined ? 0 : all[was].lane;
			}
			p.before = was;
			last.set(p.branch, rows.push(p) - 1);
		}
		// Lanes in order of their namespaces, as these were first seen.
		const first = new Map();
		lanes.forEach(([, ns], i) => first.has(ns) || first.set(ns, i));
		const order = lanes.map((_, i) => i).sort((a, b) => first.get(lanes[a][1]) - first.get(lanes[b][1]) || a - b);
		const place = [];
		order.forEach((lane, i) => { place[lane] = i; });
		const gap = Math.max(6, Math.min(22, 220 / Math.max(1, lanes.length)));
		const x = (lane) => 12 + place[lane] * gap;
		const width = 24 + gap * Math.max(0, lanes.length - 1);
		const color = (branch) => colors[branch % colors.length];
		// graphs draws the lines of rows from to until (not with it). The lines of a colour are one path of a row, whose
		// height is 100 in it: branches by the hundred may pass a row.
		const graphs = (from, until) => {
			const paths = Array.from({ length: until - from }, () => new Map());
			const line = (k, branch, d) => {
				if (k < from || k >= until) return;
				const of = paths[k - from], c = color(branch);
				if (!of.has(c)) of.set(c, new Set());
				of.get(c).add(d);
			};
			rows.forEach((p, i) => {
				if (p.before === undefined || i < from || p.before >= until) return;
				const at = x(rows[p.before].lane);
				line(p.before, p.branch, `M${at} 50V100`);
				for (let k = Math.max(from, p.before + 1); k < Math.min(i, until); k++) line(k, p.branch, `M${at} 0V100`);
				line(i, p.branch, `M${at} 0L${x(p.lane)} 50`);
			});
			return paths.map((of) => {
				const lines = drawn("svg", { viewBox: `0 0 ${width} 100`, preserveAspectRatio: "none", width, height: "100%" });
				for (const [c, d] of of) {
					lines.append(drawn("path", { d: [...d].join(""), stroke: c, "stroke-width": 2, fill: "none", "vector-effect": "non-scaling-stroke" }));
				}
				const graph = drawn("svg", { "aria-hidden": "true" });
				graph.append(lines);
				return graph;
			});
		};
		const out = el("div", { class: "journey" },
			el("p", {}, el("b", {}, "#" + j.p + " " + j.f), " ", j.s, names[j.o] ? " on host " + names[j.o] : ""),
			el("p", { class: "dim" }, "from " + moment(j.t) + ", " + many(j.b, "branch").replace("branchs", "branches") + ", slowest hop " + duration(j.w)),
			j.u ? el("p", { class: "bad" }, j.u) : "",
			el("ol", { class: "lanes" }, ...order.map((l, i) => el("li", { class: "mono" }, (i + 1) + ": " + laneName(lanes[l], names)))));
		if (width < 2000 && rows.length) {
			const heads = drawn("svg", { width, height: 14, "aria-hidden": "true" });
			order.forEach((l, i) => {
				const t = drawn("text", { x: x(l), y: 11, "text-anchor": "middle", "font-size": Math.min(10, gap), fill: "var(--dim)" });
				t.textContent = i + 1;
				heads.append(t);
			});
			out.append(heads);
		}
		// The lanes are a background: gap apart, the first at 12.
		const lines = `repeating-linear-gradient(90deg, var(--line) 0 1px, transparent 1px ${gap}px) 11.5px 0 / ${width - 23}px 100% no-repeat`;
		let shown = 0;
		const more = el("button", { on: { click: () => draw() } });
		function draw() {
			const until = Math.min(rows.length, shown + pictureRows), drawings = graphs(shown, until);
			for (let i = shown; i < until; i++) {
				const p = rows[i];
				const missing = lost(j.t + (i ? rows[i - 1].at : 0) / 1e9, j.t + p.at / 1e9);
				if (missing.length) {
					more.before(el("div", { class: "hop lossrow" }, space(width), el("div", { class: "said bad" },
						"events were lost around here: " + missing.slice(0, 3).map((l) => l.count + " of kind " + l.what).join(", "))));
				}
				const row = hopRow(p, drawings[i - shown], width, x(p.lane), color(p.branch), longest, names);
				row.firstChild.style.background = lines;
				more.before(row);
			}
			shown = until;
			more.textContent = "show more of this journey: " + (rows.length - shown) + " left";
			more.hidden = shown === rows.length;
		}
		out.append(more);
		draw();
		if (j.l) out.append(el("p", { class: "dim" }, "and " + j.l + " more hops that this page does not have"));
		return out;
	}
	const laneName = ([dev, ns], names) => (names[dev] || "no device yet") + (names[ns] ? (/^netns \d+$/.test(names[ns]) ? " " : "@") + names[ns] : "");
	function space(width) {
		const e = el("div", { class: "graph" });
		e.style.width = width + "px";
		return e;
	}

	function hopRow(p, graph, width, x, color, longest, names) {
		const drop = names[p.h ? p.h[HDROP] : p.x[EDROP]];
		if (drop) {
			const mark = drawn("text", { x, y: "50%", "text-anchor": "middle", "dominant-baseline": "central", "font-size": 16, "font-weight": "bold", fill: "var(--bad)" });
			mark.textContent = "✖";
			graph.append(drawn("circle", { cx: x, cy: "50%", r: 8, fill: "var(--paper)" }), mark);
		} else if (p.h) {
			graph.append(drawn("circle", { cx: x, cy: "50%", r: 5, fill: color }));
		} else {
			graph.append(drawn("line", { x1: x - 6, x2: x + 6, y1: "50%", y2: "50%", stroke: color, "stroke-width": 4 }));
		}
		const lane = space(width);
		lane.append(graph);
		const said = el("div", { class: "said" + (drop ? " bad" : "") }, el("span", { class: "no dim mono" }, p.h ? String(p.number) : ""),
			el("span", { class: "t mono" }, duration(p.at)));
		if (p.h) {
			const since = el("span", { class: "since mono" }, p.h[HSINCE] < 0 ? "" : "+" + duration(p.h[HSINCE]));
			if (p.h[HSINCE] > 0) {
				const bar = el("i", {});
				bar.style.width = 100 * p.h[HSINCE] / longest + "%";
				since.append(bar);
			}
			said.append(since, el("span", { class: "probe mono" }, names[p.h[HPROBE]]), el("span", { class: "mono" }, names[p.h[HDEV]]),
				el("span", { class: "dim" }, "cpu " + p.h[HCPU] + (p.branch ? ", branch " + p.branch : "") +
					(p.h[HFROM] ? ", from " + names[p.h[HFROM]] : "") + (p.h[HUNSURE] ? ", unsure" : "")),
				el("span", { class: "mono" }, names[p.h[HCHANGED]]), drop ? el("b", {}, "dropped " + drop) : "");
		} else {
			const how = names[p.x[EHOW]];
			said.append(el("span", { class: "since" }), el("b", {}, how === "consumed" ? "freed" : how), p.branch ? el("span", { class: "dim" }, "branch " + p.branch) : "", drop);
		}
		return el("div", { class: "hop" }, lane, said);
	}

	// nanoseconds reads 5ms, 1.5 s, 300us, or a number of ms; NaN is none.
	function nanoseconds(words) {
		const m = /^\s*([0-9.]+)\s*(ns|us|µs|ms|s|m)?\s*$/.exec(words);
		return m ? parseFloat(m[1]) * { ns: 1, us: 1e3, "µs": 1e3, ms: 1e6, s: 1e9, m: 6e10 }[m[2] || "ms"] : NaN;
	}

	function journeys(c) {
		const names = c.names;
		const devs = new Set(), spaces = new Set(), counts = {};
		for (const j of c.all) {
			counts[j.e] = (counts[j.e] || 0) + 1;
			for (const h of j.h) {
				devs.add(h[HDEV]);
				spaces.add(h[HNETNS]);
			}
		}
		const options = (set) => [...set].filter((i) => i).sort((a, b) => (names[a] < names[b] ? -1 : 1)).slice(0, 500)
			.map((i) => el("option", { value: i }, names[i]));
		const text = el("input", { type: "search", size: 26, placeholder: "address, port, probe, reason" });
		const end = el("select", {}, el("option", { value: "" }, "any"), ...Object.keys(counts).sort().map((e) => el("option", { value: e }, e + " (" + counts[e] + ")")));
		const dev = el("select", {}, el("option", { value: "" }, "any"), ...options(devs));
		const ns = el("select", {}, el("option", { value: "" }, "any"), ...options(spaces));
		const slow = el("input", { size: 8, placeholder: "5ms" });
		const order = el("select", {}, ...["time", "longest first", "number of hops"].map((o, i) => el("option", { value: i }, o)));
		const list = el("ol", { class: "list" }), found = el("p", { id: "found", "aria-live": "polite" });
		const more = el("button", {}, "show more");
		let hits = [], shown = 0;
		const words = (j) => {
			if (j.words === undefined) {
				const of = new Set(j.h.flatMap((h) => [h[HPROBE], h[HDEV], h[HNETNS], h[HCHANGED], h[HDROP]]));
				j.words = ("#" + j.p + " " + j.f + " " + j.s + " " + [...of].map((i) => names[i]).join(" ")).toLowerCase();
			}
			return j.words;
		};
		function filter() {
			const wanted = text.value.toLowerCase().split(/\s+/).filter((w) => w);
			const least = slow.value.trim() === "" ? 0 : nanoseconds(slow.value);
			slow.setCustomValidity(isNaN(least) ? "a time: 5ms, 300us, 2s" : "");
			hits = c.all.filter((j) => (!end.value || j.e === end.value) && (isNaN(least) || j.d >= least || j.w >= least) &&
				(!dev.value || j.h.some((h) => h[HDEV] === +dev.value)) && (!ns.value || j.h.some((h) => h[HNETNS] === +ns.value)) &&
				wanted.every((w) => words(j).includes(w)));
			if (order.value === "1") hits.sort((a, b) => b.d - a.d);
			if (order.value === "2") hits.sort((a, b) => b.h.length + (b.l || 0) - a.h.length - (a.l || 0));
			list.replaceChildren();
			shown = 0;
			found.textContent = hits.length + " of " + many(c.all.length, "journey") + (isNaN(least) ? "; slower than what? A time is 5ms, 300us, 2s" : "");
			page();
		}
		function page() {
			for (const j of hits.slice(shown, shown + 100)) list.append(row(j));
			shown = Math.min(hits.length, shown + 100);
			more.hidden = shown === hits.length;
		}
		function row(j) {
			const item = el("li", {});
			const button = el("button", { class: "row", "aria-expanded": "false" }, el("span", { class: "num mono" }, "#" + j.p),
				el("span", { class: "mono dim" }, clock(j.t, 6)), el("span", { class: "took mono" }, duration(j.d)),
				el("span", { class: "flow mono" }, j.f || "no IP"), el("span", { class: "how" + (j.e === "dropped" || j.e === "lost" ? " bad" : "") }, j.s));
			button.addEventListener("click", () => {
				const open = button.getAttribute("aria-expanded") === "true";
				button.setAttribute("aria-expanded", String(!open));
				if (open) item.lastChild.remove();
				else item.append(picture(j, names));
			});
			item.append(button);
			return item;
		}
		list.addEventListener("keydown", (e) => {
			const item = e.target.closest("li");
			const to = item && { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling, Escape: item }[e.key];
			if (!to) return;
			const button = to.querySelector("button");
			if (e.key === "Escape" && button.getAttribute("aria-expanded") === "true") button.click();
			button.focus();
			e.preventDefault();
		});
		let timer = 0;
		for (const input of [text, slow]) {
			input.addEventListener("input", () => {
				clearTimeout(timer);
				timer = setTimeout(filter, 150);
			});
		}
		for (const input of [end, dev, ns, order]) input.addEventListener("change", filter);
		more.addEventListener("click", page);
		const label = (words, input) => el("label", {}, words, input);
		section("Journeys", c.said ? el("p", { class: "banner", id: "said" }, c.said) : "",
			el("div", { class: "bar", id: "filters" }, label("search", text), label("ended", end), label("device", dev), label("namespace", ns),
				label("slower than", slow), label("order", order)), found, list, more);
		filter();
	}

	function causes(list, total) {
		const box = el("div", { id: "causes" });
		for (const c of list) {
			box.append(el("div", { class: "cause" },
				el("div", { class: "head" }, el("span", { class: "sev " + c.severity }, c.severity), el("span", { class: "count" }, String(c.count)),
					el("span", {}, total ? (100 * c.count / total).toFixed(1) + "%" : ""), ...c.values.map((v) => el("span", { class: "mono" }, v)),
					c.First ? el("span", { class: "dim" }, clock(c.First, 3) + " to " + clock(c.Last, 3)) : ""),
				el("div", {}, c.cause, c.doubt ? el("span", { class: "dim" }, c.doubt) : ""),
				c.one_of ? el("ul", {}, ...c.one_of.map((o) => el("li", {}, o))) : "",
				c.example ? el("div", { class: "dim" }, "example: ", el("code", {}, c.example)) : "",
				c.enter ? el("div", { class: "dim" }, "in its network namespace: ", el("code", {}, c.enter)) : "",
				...(c.look || []).map((l) => el("div", { class: "look" }, el("span", { class: "dim" }, "look:"), el("code", {}, l)))));
		}
		section("Causes", list.length ? box : el("p", {}, "No drop."));
	}

	head();
	if (data.chosen) {
		chart("How journeys ended, over time", data.series, (name, i) => ends[name] || (name.startsWith("dropped") ? reds[i % reds.length] : colors[i % colors.length]));
		numbers(data.summary);
		heat(data.heat, hopTable(data.summary));
		journeys(data.chosen);
		flows(data.summary);
	} else {
		chart("Drops over time", data.series, (name, i) => colors[i % colors.length]);
		section("Numbers", el("p", { id: "counts" }, many(data.summary.count, "drop") +
			(data.summary.left_out ? "; " + data.summary.left_out + " of them no fault and left out of the causes" : "") +
			(data.summary.lost ? "; " + data.summary.lost + " events were lost: there were more drops than this" : "")));
		causes(data.causes || [], data.summary.count);
		if (data.besides) section("What the kernel counted besides", el("pre", { id: "besides" }, data.besides.join("\n")));
	}
	document.documentElement.dataset.ready = "yes";
})();
