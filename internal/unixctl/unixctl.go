//go:build unix

// Package unixctl asks a daemon of Open vSwitch as ovs-appctl(8) does: by JSON-RPC on a Unix socket. Requests and
// replies are JSON objects, one behind the other, with nothing between them (Open vSwitch's lib/unixctl.c).
package unixctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// runDir is where daemons have their sockets, unless OVS_RUNDIR says otherwise.
const runDir = "/run/openvswitch"

// maxReply is the longest reply that is read, in bytes of JSON. Each byte of a longer one would be kept in memory.
const maxReply = 256 << 10

// errTooLong is the error of a reply of more than 256 kB.
var errTooLong = errors.New("the reply is longer than 256 kB")

// A Refusal is what the daemon says of a command that it does not carry out.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// A Client is a connection to a daemon. It is for one goroutine.
type Client struct {
	conn    net.Conn
	limited io.LimitedReader
	replies *json.Decoder
	id      int64
	err     error // that broke the connection
}

// Socket returns the path of the socket of a daemon, as ovs-vswitchd, which is named after the process that its pid
// file names. dir is "" for where the daemons have them.
func Socket(dir, daemon string) (string, error) {
	if dir == "" {
		dir = os.Getenv("OVS_RUNDIR")
	}
	if dir == "" {
		dir = runDir
	}
	file := filepath.Join(dir, daemon+".pid")
	f, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("%s is not running (there is no %s)", daemon, file)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 32))
	if err != nil {
		return "", err
	}
	pid, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return "", fmt.Errorf("%s: there is no process id in it", file)
	}
	return filepath.Join(dir, fmt.Sprintf("%s.%d.ctl", daemon, pid)), nil
}

// Dial connects to the socket. An error is one line for the user.
func Dial(socket string, wait time.Duration) (*Client, error) {
	conn, err := net.DialTimeout("unix", socket, wait)
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil, fmt.Errorf("no permission to connect to %s", socket)
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ECONNREFUSED):
		return nil, fmt.Errorf("nobody listens at %s", socket)
	case err != nil:
		return nil, fmt.Errorf("connecting to %s: %w", socket, err)
	}
	c := &Client{conn: conn}
	c.limited.R = conn
	c.replies = json.NewDecoder(&c.limited)
	return c, nil
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

type request struct {
	Method string   `json:"method"`
	Params []string `json:"params"`
	ID     int64    `json:"id"`
}

type reply struct {
	Result *string `json:"result"`
	Error  *string `json:"error"`
	ID     *int64  `json:"id"`
}

// Call has the daemon carry out a command, and returns what that prints. A Refusal leaves the connection as it was;
// after any other error it is broken.
func (c *Client) Call(wait time.Duration, command string, args ...string) (string, error) {
	if c.err != nil {
		return "", c.err
	}
	answer, err := c.call(wait, command, args)
	var refused Refusal
	if err != nil && !errors.As(err, &refused) {
		c.err = err
		c.conn.Close()
	}
	return answer, err
}

func (c *Client) call(wait time.Duration, command string, args []string) (string, error) {
	if err := c.conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	c.id++
	if args == nil {
		args = []string{}
	}
	b, err := json.Marshal(request{command, args, c.id})
	if err != nil {
		return "", err
	}
	if _, err := c.conn.Write(b); err != nil {
		return "", explain(command, wait, err)
	}
	c.limited.N = maxReply
	for {
		var r reply
		if err := c.replies.Decode(&r); err != nil {
			if c.limited.N <= 0 {
				err = errTooLong
			}
			return "", explain(command, wait, err)
		}
		if r.ID == nil || *r.ID != c.id {
			continue // a notification
		}
		if r.Error != nil {
			return "", Refusal(strings.TrimSpace(*r.Error))
		}
		if r.Result == nil {
			return "", explain(command, wait, errors.New("the reply has neither a result nor an error"))
		}
		return *r.Result, nil
	}
}

func explain(command string, wait time.Duration, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("no reply within %v", wait)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, unix.EPIPE),
		errors.Is(err, unix.ECONNRESET):
		err = errors.New("the daemon has closed the connection")
	}
	return fmt.Errorf("%s: %w", command, err)
}
