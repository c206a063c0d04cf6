package kfunc

// Functions and tracepoints of queueing disciplines (net/sched, include/trace/events/qdisc.h).
var qdiscs = []group{
	{"queueing discipline", []Func{
		{Name: "qdisc:qdisc_enqueue", Class: Transmit, Way: Out, Before: "net:net_dev_queue",
			Roles: HandsOver, On: "6.1 6.12 7.2"},
		{Name: "qdisc:qdisc_dequeue", Class: Transmit, Way: Out},
	}},
	{"queueing discipline, emptied", []Func{
		{Name: "qdisc_reset"},
		{Name: "pfifo_fast_reset"},
		{Name: "dev_deactivate_queue", Inlined: "all"},
	}},
	{"netem queueing discipline", []Func{
		{Name: "netem_enqueue", Way: Out, Module: "sch_netem"},
		{Name: "netem_dequeue", Module: "sch_netem"},
	}},
	{"tbf queueing discipline", []Func{
		{Name: "tbf_enqueue", Way: Out, Module: "sch_tbf"},
		{Name: "tbf_segment", Way: Out, Module: "sch_tbf", Inlined: "all"},
		{Name: "tbf_dequeue", Module: "sch_tbf"},
	}},
	{"CoDel queueing discipline", []Func{
		{Name: "fq_codel_enqueue", Way: Out, Module: "sch_fq_codel"},
		{Name: "fq_codel_dequeue", Module: "sch_fq_codel"},
		{Name: "codel_qdisc_dequeue", Module: "sch_codel"},
	}},
	{"fq queueing discipline", []Func{
		{Name: "fq_enqueue", Way: Out, Module: "sch_fq"},
		{Name: "fq_dequeue", Module: "sch_fq"},
	}},
	{"cake queueing discipline", []Func{
		{Name: "cake_enqueue", Way: Out, Module: "sch_cake"},
		{Name: "cake_dequeue", Module: "sch_cake"},
	}},
	{"teql device", []Func{
		{Name: "teql_master_xmit", Way: Out, Module: "sch_teql"},
	}},
}
