//go:build linux && (amd64 || arm64)

package collect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/host"
	"github.com/skb-tools/skb-tools/internal/collect/netns"
)

// A traceTable is an nftables table that has every IPv4 and IPv6 packet of a network
// namespace traced. It goes with the process, however that ends.
type traceTable struct {
	socket int // that owns the table
	guard  *guard
}

// traceTables are those of --nft-trace.
type traceTables []*traceTable

// traceTableFlag is the hidden flag that makes skb-collect the guard of a table.
const traceTableFlag = "--remove-nft-table"

// newTraceTables makes a table in each of the network namespaces, or without any in this one.
func newTraceTables(namespaces []string) (tables traceTables, err error) {
	add := func() error {
		t, err := newTraceTable()
		if err == nil {
			tables = append(tables, t)
		}
		return err
	}
	if len(namespaces) == 0 {
		if err := add(); err != nil {
			return nil, fmt.Errorf("--nft-trace: %w", err)
		}
	}
	for _, path := range namespaces {
		if err := inNetns(path, add); err != nil {
			tables.Close()
			return nil, fmt.Errorf("--nft-trace in %s: %w", path, err)
		}
	}
	return tables, nil
}

// inNetns calls f on a thread in the network namespace.
func inNetns(path string, f func() error) error {
	err := netns.Within(path, f)
	var refused *fs.PathError
	if !errors.As(err, &refused) || refused.Op != netns.Enter {
		return err
	}
	if err = refused.Err; errors.Is(err, unix.EPERM) {
		err = errors.New("CAP_SYS_ADMIN missing")
	}
	return fmt.Errorf("entering that network namespace: %w", err)
}

// newTraceTable makes the table of this thread's namespace. The kernel removes it when the
// socket that owns it is closed; where it does not know owners (before 5.12), a child process
// outlives us and does.
func newTraceTable() (*traceTable, error) {
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("talking to nftables: %w", err)
	}
	defer conn.Close()
	t := &traceTable{socket: -1}
	name := fmt.Sprintf(host.OwnTable+"%d", os.Getpid())
	const owner = 2 // NFT_TABLE_F_OWNER, include/uapi/linux/netfilter/nf_tables.h
	err = nftBatch(conn, traceRuleset(name, owner))
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		if t.guard, err = startGuard(name); err == nil {
			err = nftBatch(conn, traceRuleset(name, 0))
		}
	}
	if err == nil {
		t.socket, err = closedEarly(conn)
	}
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, unix.EPERM):
		err = errors.New("not permitted: CAP_NET_ADMIN missing")
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOENT), errors.Is(err, unix.EINVAL):
		err = fmt.Errorf("this kernel's nftables can't trace (CONFIG_NF_TABLES, CONFIG_NF_TABLES_INET): %w", err)
	}
	t.Close()
	return nil, err
}

// Close removes the tables.
func (all traceTables) Close() {
	for _, t := range all {
		t.Close()
	}
}

// Close removes the table.
func (t *traceTable) Close() {
	if t.socket >= 0 {
		unix.Close(t.socket)
	}
	if t.guard != nil {
		t.guard.stop()
	}
}

// closedEarly returns a duplicate of a file with a high number. What a process that is killed
// has open the kernel closes beginning with the highest (fput() makes a list of it,
// task_work_run() takes the last first), and it can be seconds until it has done with probes.
func closedEarly(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return -1, fmt.Errorf("reading the limit of open files: %w", err)
	}
	least := min(limit.Cur, 1<<14) - 1 - 64 // 128 kB of the kernel's memory; room for more
	var dupErr error
	if err := raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, int(least))
	}); err != nil {
		return -1, err
	}
	return fd, dupErr
}

// traceRuleset is the table with a chain where packets come in and one where they are
// sent, before all others, each with the rule `meta nftrace set 1`.
func traceRuleset(table string, flags uint32) []netlink.Message {
	messages := []netlink.Message{nftMessage(unix.NFT_MSG_NEWTABLE, func(a *netlink.AttributeEncoder) {
		a.String(unix.NFTA_TABLE_NAME, table)
		a.Uint32(unix.NFTA_TABLE_FLAGS, flags)
	})}
	for _, c := range []struct {
		name string
		hook uint32
	}{{"prerouting", unix.NF_INET_PRE_ROUTING}, {"output", unix.NF_INET_LOCAL_OUT}} {
		messages = append(messages, nftMessage(unix.NFT_MSG_NEWCHAIN, func(a *netlink.AttributeEncoder) {
			a.String(unix.NFTA_CHAIN_TABLE, table)
			a.String(unix.NFTA_CHAIN_NAME, c.name)
			a.String(unix.NFTA_CHAIN_TYPE, "filter")
			a.Nested(unix.NFTA_CHAIN_HOOK, func(a *netlink.AttributeEncoder) error {
				a.ByteOrder = binary.BigEndian
				a.Uint32(unix.NFTA_HOOK_HOOKNUM, c.hook)
				a.Int32(unix.NFTA_HOOK_PRIORITY, math.MinInt32)
				return nil
			})
		}), nftMessage(unix.NFT_MSG_NEWRULE, func(a *netlink.AttributeEncoder) {
			a.String(unix.NFTA_RULE_TABLE, table)
			a.String(unix.NFTA_RULE_CHAIN, c.name)
			a.Nested(unix.NFTA_RULE_EXPRESSIONS, func(a *netlink.AttributeEncoder) error {
				for _, e := range []expr.Any{
					&expr.Immediate{Register: 1, Data: []byte{1}},
					&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
				} {
					b, err := expr.Marshal(unix.NFPROTO_INET, e)
					if err != nil {
						return err
					}
					a.Bytes(unix.NLA_F_NESTED|unix.NFTA_LIST_ELEM, b)
				}
				return nil
			})
		}))
	}
	return messages
}

// nftMessage is a request to nf_tables for the family inet.
func nftMessage(typ uint16, fill func(*netlink.AttributeEncoder)) netlink.Message {
	a := netlink.NewAttributeEncoder()
	a.ByteOrder = binary.BigEndian
	fill(a)
	attributes, err := a.Encode()
	if err != nil {
		panic(err) // of what is constant but for a name
	}
	flags := netlink.Request | netlink.Acknowledge
	if typ == unix.NFT_MSG_NEWTABLE || typ == unix.NFT_MSG_NEWCHAIN || typ == unix.NFT_MSG_NEWRULE {
		flags |= netlink.Create
	}
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | typ), Flags: flags},
		// struct nfgenmsg: family, version, resource
		Data: append([]byte{unix.NFPROTO_INET, 0, 0, 0}, attributes...),
	}
}

// nftPatience bounds the wait for an answer, which the kernel gives at once.
const nftPatience = 10 * time.Second

// nftBatch has nf_tables do all of the requests or none.
func nftBatch(conn *netlink.Conn, requests []netlink.Message) error {
	mark := func(typ netlink.HeaderType) netlink.Message {
		return netlink.Message{Header: netlink.Header{Type: typ, Flags: netlink.Request},
			Data: []byte{0, 0, 0, unix.NFNL_SUBSYS_NFTABLES}}
	}
	batch := append([]netlink.Message{mark(unix.NFNL_MSG_BATCH_BEGIN)}, requests...)
	if _, err := conn.SendMessages(append(batch, mark(unix.NFNL_MSG_BATCH_END))); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(nftPatience)); err != nil {
		return err
	}
	// One answer for each; of several errors the first is the cause of the others.
	var first error
	for range requests {
		if _, err := conn.Receive(); err != nil && first == nil {
			first = err
			if errors.Is(err, unix.EPERM) || errors.Is(err, os.ErrDeadlineExceeded) {
				break // that is all that comes
			}
		}
	}
	return first
}

// A guard is a process that removes a table when we have ended, or closed our end of a pipe.
type guard struct {
	cmd  *exec.Cmd
	pipe int
}

// guardCommand is what runs a guard: this program, as skb-collect, whatever name it was started by. skb-tools goes by
// that name.
func guardCommand(table string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", traceTableFlag, table)
	cmd.Args[0] = "skb-collect"
	// Not of our session: what kills us by ^C or with our terminal must not reach it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func startGuard(table string) (*guard, error) {
	cmd := guardCommand(table)
	stdin, ours, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("a pipe to the process that removes the table: %w", err)
	}
	defer stdin.Close()
	defer ours.Close()
	pipe, err := closedEarly(ours)
	if err == nil {
		cmd.Stdin = stdin
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("starting the process that removes the table: %w", err)
	}
	return &guard{cmd, pipe}, nil
}

func (g *guard) stop() {
	unix.Close(g.pipe)
	_ = g.cmd.Wait()
}

// guardTable is the guard: it waits until the other end of stdin is closed, which is when
// its parent has ended, and removes the table.
func guardTable(table string, stdin io.Reader) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if _, err := io.Copy(io.Discard, stdin); err != nil {
		return fmt.Errorf("waiting for skb-collect to end: %w", err)
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return fmt.Errorf("removing the nftables table %s: %w", table, err)
	}
	defer conn.Close()
	err = nftBatch(conn, []netlink.Message{nftMessage(unix.NFT_MSG_DELTABLE, func(a *netlink.AttributeEncoder) {
		a.String(unix.NFTA_TABLE_NAME, table)
	})})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing the nftables table %s: %w", table, err)
	}
	return nil
}
