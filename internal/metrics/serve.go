package metrics

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// maxConnections bounds those that are open at once: who opens more waits.
const maxConnections = 32

// A Server answers Prometheus until it is closed.
type Server struct {
	http     http.Server
	listener net.Listener
}

// Serve is --metrics of a program: it listens on an address, HOST:PORT, says so on stderr, and answers /metrics with
// what write puts on a page. write is called by other goroutines, one at a time.
func Serve(program, addr string, stderr io.Writer, write func(*Page)) (*Server, error) {
	if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
		return nil, pipe.Usagef("--metrics: %q is no address: give HOST:PORT, as localhost:9435, or :9435 for all addresses",
			addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--metrics: can't listen on %s: %w", escape.String(addr), reason(err))
	}
	s := &Server{listener: netutil.LimitListener(l, maxConnections)}
	turn := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		var p Page
		turn <- struct{}{}
		write(&p)
		<-turn
		w.Header().Set("Content-Type", ContentType)
		_, _ = w.Write(p.text) // who asked has gone
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "the metrics are at /metrics\n")
	})
	s.http = http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: log.New(io.Discard, "", 0)} // what is wrong with a request is not for the person at the prompt
	go func() { _ = s.http.Serve(s.listener) }() // it ends when it is closed
	fmt.Fprintf(stderr, "%s: the metrics are at http://%s/metrics\n", program, s.Addr())
	return s, nil
}

// reason is what is wrong with an address, without Go's words around it.
func reason(err error) error {
	var errno syscall.Errno
	var dns *net.DNSError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New("no such host")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "listen tcp: "))
}

// Addr is where it listens: the port is the one that was found if the address had port 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close answers what was asked already, for a second at most.
func (s *Server) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	if s.http.Shutdown(ctx) != nil {
		return s.http.Close()
	}
	return nil
}
