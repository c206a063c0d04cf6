//go:build unix

// Package browser opens pages in a headless Chromium, for tests. It speaks the DevTools protocol over two pipes
// (--remote-debugging-pipe), so that no port is open and no other library is needed.
package browser

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is how long a single answer of the browser may take on a busy machine.
const limit = 90 * time.Second

// A Browser is one process of Chromium with one page.
type Browser struct {
	t       testing.TB
	in      *os.File
	session string
	next    int

	mu      sync.Mutex
	answers map[int]chan message
	events  chan struct{} // something was noted
	faults  []string
	loaded  int
	gone    error
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct{ Message string }
}

// Start starts Chromium, which ends with the test.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium-headless-shell", "chromium"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Fatal("there is no Chromium: `make deps-test` installs it (Debian's chromium-headless-shell)")
	}
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.MkdirTemp("", "skb-browser")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe", "--hide-scrollbars",
		"--user-data-dir="+home, "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "TZ=UTC")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its own processes end with it
	cmd.ExtraFiles = []*os.File{fromUs, toUs}             // 3: it reads; 4: it writes
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	toUs.Close()
	b := &Browser{t: t, in: in, answers: map[int]chan message{}, events: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		b.read(out)
		close(done)
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		in.Close()
		out.Close()
		<-done
		_ = os.RemoveAll(home)
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Runtime", "Log", "Network", "Page"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

func (b *Browser) read(out *os.File) {
	r := bufio.NewReader(out)
	for {
		frame, err := r.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(frame[:len(frame)-1], &m)
		}
		b.mu.Lock()
		if err != nil {
			b.gone = fmt.Errorf("the browser has ended: %w", err)
			for _, c := range b.answers {
				close(c)
			}
			b.answers = nil
			b.mu.Unlock()
			return
		}
		if m.ID != 0 {
			if c := b.answers[m.ID]; c != nil {
				c <- m
				delete(b.answers, m.ID)
			}
		} else {
			b.note(m)
		}
		b.mu.Unlock()
	}
}

// note keeps what a page must not do.
func (b *Browser) note(m message) {
	switch m.Method {
	case "Page.loadEventFired":
		b.loaded++
	case "Runtime.exceptionThrown":
		b.faults = append(b.faults, "exception: "+string(m.Params))
	case "Runtime.consoleAPICalled", "Log.entryAdded":
		b.faults = append(b.faults, "console: "+string(m.Params))
	case "Network.requestWillBeSent":
		var p struct{ Request struct{ URL string } }
		err := json.Unmarshal(m.Params, &p)
		if url := p.Request.URL; err != nil || !strings.HasPrefix(url, "file://") || !strings.HasSuffix(url, ".html") {
			b.faults = append(b.faults, "request: "+p.Request.URL)
		}
	}
	select {
	case b.events <- struct{}{}:
	default:
	}
}

func (b *Browser) call(method string, params, result any) {
	b.t.Helper()
	b.next++
	id := b.next
	m := map[string]any{"id": id, "method": method}
	if params != nil {
		m["params"] = params
	}
	if b.session != "" {
		m["sessionId"] = b.session
	}
	frame, err := json.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	c := make(chan message, 1)
	b.mu.Lock()
	gone := b.gone
	if gone == nil {
		b.answers[id] = c
	}
	b.mu.Unlock()
	if gone != nil {
		b.t.Fatal(gone)
	}
	if _, err := b.in.Write(append(frame, 0)); err != nil {
		b.t.Fatal(err)
	}
	select {
	case answer, ok := <-c:
		if !ok {
			b.t.Fatal(b.gone)
		}
		if answer.Error != nil {
			b.t.Fatalf("%s: %s", method, answer.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				b.t.Fatal(err)
			}
		}
	case <-time.After(limit):
		b.t.Fatalf("%s: no answer in %v", method, limit)
	}
}

// Open opens a file at a width, px, and waits until it is loaded.
func (b *Browser) Open(file string, width int) {
	b.t.Helper()
	file, err := filepath.Abs(file)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Width(width)
	b.mu.Lock()
	before := b.loaded
	b.mu.Unlock()
	b.call("Page.navigate", map[string]any{"url": "file://" + file}, nil)
	deadline := time.After(limit)
	for {
		b.mu.Lock()
		loaded, gone := b.loaded > before, b.gone
		b.mu.Unlock()
		if loaded {
			return
		}
		if gone != nil {
			b.t.Fatal(gone)
		}
		select {
		case <-b.events:
		case <-deadline:
			b.t.Fatalf("%s was not loaded in %v", file, limit)
		}
	}
}

// Width gives the page another width, px.
func (b *Browser) Width(width int) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride",
		map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
}

// Dark chooses the dark colours, or the light ones.
func (b *Browser) Dark(dark bool) {
	b.t.Helper()
	value := "light"
	if dark {
		value = "dark"
	}
	feature := map[string]string{"name": "prefers-color-scheme", "value": value}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []any{feature}}, nil)
}

// Eval evaluates JavaScript, which may be a promise, and returns what it gives in JSON.
func (b *Browser) Eval(script string, result any) {
	b.t.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct{ Exception struct{ Description string } }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": script, "returnByValue": true, "awaitPromise": true}, &answer)
	if answer.ExceptionDetails != nil {
		b.t.Fatalf("%s: %s", script, answer.ExceptionDetails.Exception.Description)
	}
	if result == nil {
		return
	}
	if answer.Result.Value == nil {
		b.t.Fatalf("%s gives nothing", script)
	}
	if err := json.Unmarshal(answer.Result.Value, result); err != nil {
		b.t.Fatalf("%s gives %s: %v", script, answer.Result.Value, err)
	}
}

// Key presses a key, by its name in KeyboardEvent.key.
func (b *Browser) Key(key string) {
	b.t.Helper()
	codes := map[string]int{"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40,
		"Tab": 9}
	down := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	if key == "Enter" {
		down["text"] = "\r"
	}
	b.call("Input.dispatchKeyEvent", down, nil)
	up := map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	b.call("Input.dispatchKeyEvent", up, nil)
}

// Click clicks into the middle of the element that a CSS selector finds.
func (b *Browser) Click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	b.Eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q);
		e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect();
		return {X: r.left + r.width / 2, Y: r.top + r.height / 2}; })()`, selector), &at)
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent",
			map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// Shot returns the page as a PNG, from its top, so many px high.
func (b *Browser) Shot(width, height int) []byte {
	b.t.Helper()
	var shot struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}, &shot)
	return shot.Data
}

// Faults are what a page must not do, since the last call: what it wrote to the console, its exceptions, and its
// requests for anything but itself.
func (b *Browser) Faults() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	faults := b.faults
	b.faults = nil
	return faults
}
