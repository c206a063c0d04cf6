package kfunc

// Names of functions and tracepoints that code asks for one by one. Each has its row.
const (
	// Tracepoints, as after -p.
	TraceKfreeSkb        = "skb:kfree_skb"
	TraceConsumeSkb      = "skb:consume_skb"
	TraceNetifReceiveSkb = "net:netif_receive_skb"
	TraceNetDevStartXmit = "net:net_dev_start_xmit"
	TraceNetDevXmit      = "net:net_dev_xmit"
	TraceQdiscEnqueue    = "qdisc:qdisc_enqueue"
	TraceOVSAction       = "openvswitch:ovs_do_execute_action"
	TraceOVSUpcall       = "openvswitch:ovs_dp_upcall"

	ReleaseData    = "skb_release_data" // lets go of an sk_buff's data, for whoever frees it
	FreeHead       = "skb_free_head"    // frees the memory that the data began in
	NFTDoChain     = "nft_do_chain"     // goes through the rules of nftables
	NFTTraceNotify = "nft_trace_notify" // tells of a step of a packet that is traced through them
	EbtDoTable     = "ebt_do_table"     // goes through the rules of ebtables
	ICMPv6Rcv      = "icmpv6_rcv"       // takes ICMPv6 that is for this host
	PsockBacklog   = "sk_psock_backlog" // sends on what a sockmap's BPF program says

	// Of openvswitch.
	OVSProcessPacket = "ovs_dp_process_packet"          // has a packet's flow looked up, and its actions executed
	OVSLookupStats   = "ovs_flow_tbl_lookup_stats"      // looks it up
	OVSDoActions     = "do_execute_actions"             // executes a list of actions
	OVSMeter         = "ovs_meter_execute"              // says whether a meter drops a packet
	OVSUpcall        = "ovs_dp_upcall"                  // sends a packet to user space
	OVSQueueToUser   = "queue_userspace_packet"         // the same for each segment of it
	OVSKeyOfUser     = "ovs_flow_key_extract_userspace" // takes a packet that user space sends
)
