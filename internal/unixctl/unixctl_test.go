//go:build unix

package unixctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// fake is a daemon that answers each request with what answer writes.
func fake(t *testing.T, answer func(w io.Writer, method string, params []string, id string)) string {
	t.Helper()
	dir := t.TempDir()
	socket := filepath.Join(dir, "ovs-vswitchd.77.ctl")
	if err := os.WriteFile(filepath.Join(dir, "ovs-vswitchd.pid"), []byte("77\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for in := json.NewDecoder(conn); ; {
					var q struct {
						Method string
						Params []string
						ID     json.RawMessage
					}
					if in.Decode(&q) != nil {
						return
					}
					answer(conn, q.Method, q.Params, string(q.ID))
				}
			}()
		}
	}()
	found, err := Socket(dir, "ovs-vswitchd")
	if err != nil || found != socket {
		t.Fatal(found, err)
	}
	return socket
}

func dial(t *testing.T, socket string) *Client {
	t.Helper()
	c, err := Dial(socket, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestCall(t *testing.T) {
	c := dial(t, fake(t, func(w io.Writer, method string, params []string, id string) {
		switch method {
		case "echo": // byte by byte, with other objects around it and nothing between them
			text := fmt.Sprintf(`{"id":null,"method":"x","params":[]}{"id":99,"result":"old","error":null}{"error":null,"id":%s,"result":%q}`, id, strings.Join(params, "|"))
			for i := range len(text) {
				io.WriteString(w, text[i:i+1])
			}
		case "refuse":
			fmt.Fprintf(w, `{"id":%s,"result":null,"error":"\"x\" is not a valid command\n"}`, id)
		}
	}))
	for range 3 {
		if got, err := c.Call(time.Minute, "echo", "a{b}", "ü\n\"c"); err != nil || got != "a{b}|ü\n\"c" {
			t.Fatalf("%q, %v", got, err)
		}
		_, err := c.Call(time.Minute, "refuse")
		var refused Refusal
		if !errors.As(err, &refused) || string(refused) != `"x" is not a valid command` || c.err != nil {
			t.Fatal(err)
		}
	}
}

// TestTooLong: a reply of 100,000 flows is given up on when it is longer than a reply may be, and takes no memory.
func TestTooLong(t *testing.T) {
	flow := strings.Repeat("recirc_id(0),in_port(2),eth(),eth_type(0x0800), actions:3\\n", 4)
	c := dial(t, fake(t, func(w io.Writer, method string, params []string, id string) {
		fmt.Fprintf(w, `{"id":%s,"error":null,"result":"`, id)
		for range 100_000 {
			if _, err := io.WriteString(w, flow); err != nil {
				return
			}
		}
		io.WriteString(w, `"}`)
	}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := c.Call(time.Minute, "dpctl/dump-flows")
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errTooLong) || c.err == nil {
		t.Fatal(err)
	}
	t.Logf("an answer of %d bytes took %d of memory", 100_000*len(flow), after.TotalAlloc-before.TotalAlloc)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8*maxReply {
		t.Errorf("%d bytes were allocated", got)
	}
	if _, err := c.Call(time.Minute, "echo"); !errors.Is(err, errTooLong) {
		t.Errorf("a broken connection: %v", err)
	}
}

func TestBadReplies(t *testing.T) {
	for answer, want := range map[string]string{
		`{"id":ID,"error":null,"result":null}`: "neither a result nor an error",
		`{"id":ID,"error":null,"result":5}`:    "cannot unmarshal number",
		`{"id":ID,,`:                           "invalid character",
		"":                                     "no reply within",
		"close":                                "the daemon has closed the connection",
	} {
		c := dial(t, fake(t, func(w io.Writer, method string, params []string, id string) {
			if answer == "close" {
				w.(io.Closer).Close()
				return
			}
			io.WriteString(w, strings.ReplaceAll(answer, "ID", id))
		}))
		wait := time.Minute
		if answer == "" {
			wait = time.Millisecond
		}
		if _, err := c.Call(wait, "x"); err == nil || !strings.Contains(err.Error(), want) || c.err == nil {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestNobody(t *testing.T) {
	dir := t.TempDir()
	if _, err := Socket(dir, "ovs-vswitchd"); err == nil || !strings.Contains(err.Error(), "ovs-vswitchd is not running") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ovs-vswitchd.pid"), []byte("../../x"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Socket(dir, "ovs-vswitchd"); err == nil || !strings.Contains(err.Error(), "no process id in it") {
		t.Error(err)
	}
	if _, err := Dial(filepath.Join(dir, "none.ctl"), time.Minute); err == nil || !strings.Contains(err.Error(), "nobody listens") {
		t.Error(err)
	}
}
