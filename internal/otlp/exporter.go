// Package otlp sends traces to a receiver of OpenTelemetry: OTLP over HTTP, in its JSON form (OTLP specification 1.x,
// "OTLP/HTTP"; opentelemetry/proto/trace/v1/trace.proto).
package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// What is kept and waited for. A receiver that is slow or gone costs traces, never the stream.
const (
	maxQueue  = 1024 // traces that wait to be sent
	maxBatch  = 64   // traces in a request
	tries     = 4
	firstWait = 250 * time.Millisecond
)

// Times say how long an Exporter waits.
type Times struct {
	Batch  time.Duration // for more traces, before a request
	Answer time.Duration // for the answer to a request
	End    time.Duration // in Close, for all that waits
}

// Usual are the times for a receiver that somebody runs.
var Usual = Times{Batch: time.Second, Answer: 10 * time.Second, End: 10 * time.Second}

// errLate is why a trace was lost that Close waited for in vain.
var errLate = errors.New("no answer in time")

// An Exporter sends traces, in the background.
type Exporter struct {
	url    string
	times  Times
	client http.Client
	queue  chan *Trace
	done   chan struct{}
	ctx    context.Context // of all requests: Close ends it
	stop   context.CancelFunc

	mu   sync.Mutex
	sent uint64
	lost uint64 // traces that were not sent, or were refused
	why  error  // of the last of them
}

// New makes an Exporter for a receiver: http://HOST:PORT, where the path is /v1/traces unless it is given.
func New(to string, times Times) (*Exporter, error) {
	u, err := url.Parse(to)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, pipe.Usagef("--otlp: %q is no URL of a receiver: give one as http://localhost:4318", to)
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	e := &Exporter{url: u.String(), times: times, queue: make(chan *Trace, maxQueue), done: make(chan struct{}),
		client: http.Client{Timeout: times.Answer, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // else what was sent may be asked for instead, which has no effect
		}}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	go e.work()
	return e, nil
}

// Send sends a trace soon. It does not wait: if too many wait already, the trace is lost, which Close tells.
func (e *Exporter) Send(t *Trace) {
	select {
	case e.queue <- t:
	default:
		e.lose(1, errors.New("the receiver is too slow"))
	}
}

func (e *Exporter) lose(n int, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lost += uint64(n)
	if why != errLate || e.why == nil { // what a receiver says tells more
		e.why = why
	}
}

// Close sends what waits, for Times.End at most. The error says how many traces were lost, and why the last of them.
func (e *Exporter) Close() error {
	close(e.queue)
	select {
	case <-e.done:
	case <-time.After(e.times.End):
		e.stop()
		<-e.done
	}
	e.stop()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lost == 0 {
		return nil
	}
	return fmt.Errorf("--otlp: %d of %d journeys did not get to %s: %w",
		e.lost, e.lost+e.sent, escape.String(e.url), e.why)
}

// work sends what is in the queue until it is closed: the traces of Times.Batch, or maxBatch, in a request.
func (e *Exporter) work() {
	defer close(e.done)
	for first := range e.queue {
		batch := []*Trace{first}
		for due := time.After(e.times.Batch); len(batch) < maxBatch; {
			select {
			case t, open := <-e.queue:
				if open {
					batch = append(batch, t)
					continue
				}
			case <-due:
			}
			break
		}
		e.post(batch)
	}
}

// post sends a batch, and tries again where the receiver says that it may work later.
func (e *Exporter) post(batch []*Trace) {
	if e.ctx.Err() != nil {
		e.lose(len(batch), errLate)
		return
	}
	body, err := json.Marshal(request(batch))
	wait := firstWait
	for try := 1; err == nil; try++ {
		var again bool
		if again, err = e.try(body); err == nil {
			e.mu.Lock()
			e.sent += uint64(len(batch))
			e.mu.Unlock()
			return
		}
		if !again || try == tries {
			break
		}
		select {
		case <-time.After(wait):
			err = nil
		case <-e.ctx.Done():
		}
		wait *= 2
	}
	e.lose(len(batch), err)
}

// try sends once.
func (e *Exporter) try(body []byte) (again bool, err error) {
	q, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	q.Header.Set("Content-Type", "application/json")
	r, err := e.client.Do(q)
	if e.ctx.Err() != nil && err != nil {
		return false, errLate
	}
	if err != nil {
		var op *net.OpError
		var u *url.Error
		switch {
		case errors.As(err, &op):
			err = op.Err
		case errors.As(err, &u) && u.Timeout():
			err = fmt.Errorf("no answer within %s", e.times.Answer)
		case u != nil:
			err = u.Err
		}
		return true, errors.New(strings.TrimPrefix(err.Error(), "connect: "))
	}
	defer r.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	switch r.StatusCode {
	case http.StatusOK:
		return false, rejected(answer)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("it answers %d %s", r.StatusCode, http.StatusText(r.StatusCode))
}

// rejected is an error if the receiver says that it did not take some spans. They are not to be sent again.
func rejected(answer []byte) error {
	var a struct {
		PartialSuccess struct {
			RejectedSpans json.RawMessage `json:"rejectedSpans"` // a number, or a string of one
			ErrorMessage  string          `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return nil // it has answered 200
	}
	n, _ := strconv.Atoi(strings.Trim(string(a.PartialSuccess.RejectedSpans), `"`))
	if n == 0 {
		return nil
	}
	return fmt.Errorf("it refuses %d spans: %s", n, escape.Short(a.PartialSuccess.ErrorMessage, 200))
}
