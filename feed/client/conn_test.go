package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

const testTick = `{"stream":"bbo.BTCUSDT","seq":1042,"upd":90211,"bid":["25351.90","0.31200"],"ask":null,"ts":1700000000000001,"tp":1700000000000002}`

func TestSession(t *testing.T) {
	got := make(chan string, 10)
	url := serve(t, func(ws *websocket.Conn, r *http.Request) {
		got <- r.URL.Path + "?" + r.URL.RawQuery + " " + r.Header.Get("X-Test")
		pongs := make(chan string, 1)
		ws.SetPongHandler(func(s string) error { pongs <- s; return nil })
		_, m, _ := ws.ReadMessage()
		got <- string(m)
		_ = ws.WriteMessage(websocket.TextMessage, []byte(`{"op":"subscribed","streams":[{"stream":"bbo.BTCUSDT","cursor":"k7:1041","recovered":false}],"errors":[]}`))
		_ = ws.WriteControl(websocket.PingMessage, []byte("hi"), time.Now().Add(time.Second))
		_ = ws.WriteMessage(websocket.TextMessage, []byte(testTick))
		for range 3 {
			_, m, _ := ws.ReadMessage()
			got <- string(m)
		}
		got <- <-pongs
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4008, "too slow"), time.Now().Add(time.Second))
	})
	c := dial(t, Config{
		URL: url, Streams: []string{"bbo.BTCUSDT"}, Slow: "close", Flush: 100 * time.Millisecond,
		Header: http.Header{"X-Test": {"yes"}},
	})
	if h := c.Hello(); h.Epoch != "k7" || h.Clock.Due(160) != 5060 || h.Server != "fake/1" {
		t.Errorf("hello = %+v", h)
	}
	if f := next(t, c); f.Op != "subscribed" || f.Stream != "" {
		t.Errorf("first frame = %+v", f)
	}
	f := next(t, c)
	want := Frame{Stream: "bbo.BTCUSDT", Seq: 1042, TS: 1700000000000001, TP: 1700000000000002, Raw: []byte(testTick)}
	if d := cmp.Diff(want, f); d != "" {
		t.Error(d)
	}
	if err := errors.Join(c.Ping(10), c.Unsubscribe(8, "bbo.BTCUSDT"), c.Subscribe(Request{
		ID: 7, Streams: []string{"trade.ETH*"}, Since: map[string]wire.Cursor{"trade.ETHUSDT": {Epoch: "k7", Seq: 88}}, NoSnapshot: true,
	})); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the error stays
		_, err := c.Next()
		var ce *CloseError
		if !errors.As(err, &ce) || ce.Code != CloseSlow || ce.Text != "too slow" || !ce.Retry() {
			t.Fatalf("Next = %v", err)
		}
	}
	for _, want := range []string{
		"/v1/stream?flush=100ms&slow=close yes",
		`{"op":"subscribe","streams":["bbo.BTCUSDT"]}`,
		`{"op":"ping","id":10}`,
		`{"op":"unsubscribe","id":8,"streams":["bbo.BTCUSDT"]}`,
		`{"op":"subscribe","id":7,"streams":["trade.ETH*"],"since":{"trade.ETHUSDT":"k7:88"},"snapshot":false}`,
		"hi",
	} {
		if s := <-got; s != want {
			t.Errorf("server got %s; want %s", s, want)
		}
	}
}

func TestClose(t *testing.T) {
	url := serve(t, func(ws *websocket.Conn, _ *http.Request) { _, _, _ = ws.ReadMessage() })
	c := dial(t, Config{URL: url})
	result := make(chan error)
	go func() {
		_, err := c.Next()
		result <- err
	}()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { _ = c.Close() })
	}
	wg.Wait()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("Next = %v, want ErrClosed", err)
	}
	if err := c.Ping(1); !errors.Is(err, ErrClosed) {
		t.Errorf("Ping = %v, want ErrClosed", err)
	}
}

func TestDialRefused(t *testing.T) {
	body := `{"error":{"code":"bad_request","message":"format must be json or sbe"}}`
	status := http.StatusBadRequest
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer srv.Close()
	refused := func(want StatusError) {
		t.Helper()
		_, err := Dial(t.Context(), Config{URL: "ws" + strings.TrimPrefix(srv.URL, "http")})
		var se *StatusError
		if !errors.As(err, &se) {
			t.Fatalf("Dial = %v", err)
		}
		if d := cmp.Diff(&want, se); d != "" {
			t.Error(d)
		}
	}
	refused(StatusError{Status: 400, Code: "bad_request", Message: "format must be json or sbe", RetryAfter: 3 * time.Second})
	status, body = 503, "busy"
	refused(StatusError{Status: 503, Message: "busy", RetryAfter: 3 * time.Second})
}

func TestDialWithoutHello(t *testing.T) {
	for name, talk := range map[string]string{
		"another frame": testTick,
		"no frame":      "hello",
	} {
		var upgrader websocket.Upgrader
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
				_ = ws.WriteMessage(websocket.TextMessage, []byte(talk))
				_ = ws.Close()
			}
		}))
		_, err := Dial(t.Context(), Config{URL: "ws" + strings.TrimPrefix(srv.URL, "http")})
		if !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
}

// A server that accepts and says nothing must not hold Dial beyond its context.
func TestDialCancelled(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		nc, err := ln.Accept()
		if err == nil {
			defer nc.Close()
		}
		cancel()
	}()
	if _, err := Dial(ctx, Config{URL: "ws://" + ln.Addr().String()}); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial = %v", err)
	}
}

func TestConfigErrors(t *testing.T) {
	for _, cfg := range []Config{
		{},
		{URL: "http://localhost:1"},
		{URL: "localhost:8080"},
		{URL: "ws://localhost:1", Flush: 2 * time.Second},
		{URL: "ws://localhost:1", Flush: time.Microsecond},
	} {
		if _, err := cfg.normalize(); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
	cfg := Config{URL: "wss://example.org/feed?heartbeat=0", Flush: time.Millisecond}
	u, err := cfg.normalize()
	if err != nil || u.String() != "wss://example.org/feed?flush=1ms&heartbeat=0" {
		t.Errorf("normalize = %v, %v", u, err)
	}
}

func TestOnWait(t *testing.T) {
	url := serve(t, func(ws *websocket.Conn, _ *http.Request) {
		_, _, _ = ws.ReadMessage()
		_ = ws.WriteMessage(websocket.TextMessage, []byte(testTick))
	})
	waits := 0
	var waitErr error
	c := dial(t, Config{URL: url, OnWait: func() error { waits++; return waitErr }})
	waits = 0
	if err := c.Ping(1); err != nil {
		t.Fatal(err)
	}
	next(t, c)
	if waits == 0 {
		t.Error("OnWait was not called")
	}
	waitErr = io.ErrClosedPipe
	if _, err := c.Next(); !errors.Is(err, waitErr) {
		t.Errorf("Next = %v", err)
	}
}
