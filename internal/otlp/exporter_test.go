package otlp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestCloseEnds: a receiver that takes requests and never answers does not hold the end up. What waited is lost, all of it.
func TestCloseEnds(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	e, err := New(s.URL, Times{Batch: time.Millisecond, Answer: time.Hour, End: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	const traces = 5 * maxBatch
	for range traces {
		e.Send(&Trace{})
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Close() }()
	select {
	case err := <-ended:
		if err == nil || !strings.HasPrefix(err.Error(), "--otlp: 320 of 320 journeys did not get to ") ||
			!strings.HasSuffix(err.Error(), ": no answer in time") {
			t.Errorf("%v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the end waits for an answer")
	}
}

// TestNoAnswer: a request that is not answered is said in words.
func TestNoAnswer(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	e, err := New(s.URL, Times{Batch: time.Millisecond, Answer: 10 * time.Millisecond, End: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	e.Send(&Trace{})
	if err := e.Close(); err == nil || !strings.HasSuffix(err.Error(), ": no answer within 10ms") {
		t.Errorf("%v", err)
	}
}

// TestRedirect: a redirection is not followed: traces would be left behind, as if they had been taken.
func TestRedirect(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/traces" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}))
	defer s.Close()
	e, err := New(s.URL, Times{Batch: time.Millisecond, Answer: time.Minute, End: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	e.Send(&Trace{})
	if err := e.Close(); err == nil || !strings.HasSuffix(err.Error(), "1 of 1 journeys did not get to "+s.URL+"/v1/traces: it answers 302 Found") {
		t.Errorf("%v", err)
	}
}
