package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"
)

func TestEvents(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	bbo, trade := g.seq(t, "bbo.BTCUSDT"), g.seq(t, "trade.BTCUSDT")
	e := g.events(t, "?streams=bbo.BTCUSDT,trade.BTCUSDT")
	if ev := e.next(); ev.retry < retryMin || ev.retry > retryMax || ev.data != "" || ev.id != "" {
		t.Errorf("%+v", ev)
	}
	ev := e.data(fmt.Sprintf(`{"stream":"bbo.BTCUSDT","seq":%d,`, bbo))
	if want := fmt.Sprintf("k7:%d", g.hub.Position()); ev.id != want {
		t.Errorf("id %s; want %s", ev.id, want)
	}
	var first event
	for n := 0; first.data == ""; n++ { // until it trades
		g.market.publish(5, 0)
		for {
			if ev = e.data(`{"stream":"`); strings.HasPrefix(ev.data, `{"stream":"trade.`) {
				first = ev
				break
			}
			if n < 20 {
				break
			}
		}
	}
	if !strings.HasPrefix(first.data, fmt.Sprintf(`{"stream":"trade.BTCUSDT","seq":%d,`, trade+1)) || first.id == "" {
		t.Errorf("%+v", first)
	}
	e.peer.conn.Close()
	g.eventually("nobody", func() bool { return g.server.events.count() == 0 }) // without news
	g.quiet()
	if len(g.logs.lines(`"connected"`, `"transport":"sse"`, `"conn":"sse-1"`)) != 1 ||
		len(g.logs.lines(`"disconnected"`, `"transport":"sse"`, `"conn":"sse-1"`, `"code":1001`, `"bytes_out":`)) != 1 {
		t.Error(g.logs.lines("connected"))
	}
	if m := g.scrape(t); m["disconnects_total{code=1001,transport=sse}"] != 1 || m["connections{transport=sse}"] != 0 || m["encodes_total{dialect=json,kind=snapshot}"] == 0 {
		t.Errorf("%v", m)
	}
}

// TestEventsResume wants the header, which browsers send, and the parameters,
// which others can, to go on behind the id.
func TestEventsResume(t *testing.T) {
	g := newRig(t)
	g.market.publish(50)
	w := g.connect(t, "?heartbeat=0&streams=trade.BTCUSDT,book.BTCUSDT")
	w.expect(`{"op":"subscribed",`)
	w.settle("ready")
	e := g.events(t, "?streams=trade.BTCUSDT,book.BTCUSDT")
	id := e.data(`{"stream":"book.BTCUSDT"`).id
	e.peer.conn.Close()
	g.market.publish(200, 0)
	want := w.settle("missed")
	for _, c := range []struct{ query, header string }{
		{"", "Last-Event-ID: " + id},
		{"&lastEventId=" + id, ""},
		{"&cursor=" + id, ""},
		{"&since=k7:trade.BTCUSDT=0&cursor=old:1", "Last-Event-ID: " + id},
	} {
		var headers []string
		if c.header != "" {
			headers = append(headers, c.header)
		}
		e := g.events(t, "?streams=trade.BTCUSDT,book.BTCUSDT"+c.query, headers...)
		for i := range want {
			if ev := e.data(`{"stream":"`); ev.data != want[i] || ev.id == "" {
				t.Fatalf("%v: got %+v; want %s", c, ev, want[i])
			}
		}
		e.peer.conn.Close()
	}
	e = g.events(t, "?streams=book.BTCUSDT", "Last-Event-ID: old:17")
	if gap := e.data(`{"op":"gap","stream":"book.BTCUSDT","from":null,"to":`); gap.id != "" || !strings.HasSuffix(gap.data, `"reason":"epoch"}`) {
		t.Errorf("%+v", gap)
	}
	if ev := e.data(`{"stream":"book.BTCUSDT","seq":`); !strings.Contains(ev.data, `"snapshot"`) || ev.id == "" {
		t.Errorf("%+v", ev)
	}
}

// TestEventsIDAlone wants a client to which nothing can be told yet to know
// where it stands.
func TestEventsIDAlone(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	e := g.events(t, "?streams=trade.BTCUSDT")
	e.next()
	if ev := e.next(); ev.data != "" || ev.id != fmt.Sprintf("k7:%d", g.hub.Position()) {
		t.Errorf("%+v", ev)
	}
}

// TestEventsFrozen wants somebody who does not read to be cut.
func TestEventsFrozen(t *testing.T) {
	g := newRig(t)
	g.server.events.unsent = 300 * time.Millisecond
	g.market.publish(100)
	e := g.events(t, "?streams=book.*,order.*")
	e.data(`{"stream":"`)
	stop := g.market.run(20)
	g.eventually("it is cut", func() bool { return g.server.events.count() == 0 })
	stop()
	g.quiet()
	if len(g.logs.lines(`"disconnected"`, `"transport":"sse"`, `"code":4008`)) != 1 {
		t.Error(g.logs.lines("disconnected"))
	}
}

// TestEventsDrain wants event streams to end spread over the drain, with a
// notice and a time to come back; those that come meanwhile are sent away so
// that they come back; and no goroutine to be left.
func TestEventsDrain(t *testing.T) {
	g := newRig(t)
	g.market.publish(20)
	stop := g.market.run(1)
	var sources []*eventSource
	for range 8 {
		e := g.events(t, "?streams=bbo.*")
		e.data(`{"stream":"bbo.`)
		sources = append(sources, e)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan struct{})
	hold := g.connect(t, "")
	go func() {
		defer close(done)
		g.server.Shutdown(ctx, 700*time.Millisecond)
	}()
	g.eventually("draining", func() bool { return g.server.draining.Load() })
	late := g.events(t, "?streams=bbo.*")
	if ev := late.end(); ev.retry < retryMin || ev.data != "" {
		t.Errorf("late: %+v", ev)
	}
	if _, err := hold.drained(); err != nil { // it must answer before its time is over
		t.Error(err)
	}
	for _, e := range sources {
		if ev := e.end(); ev.retry < retryMin || ev.data != fmt.Sprintf(`{"op":"notice","code":"shutdown","reconnect_ms":%d}`, ev.retry) {
			t.Errorf("%+v", ev)
		}
	}
	<-done
	stop()
	if n := len(g.logs.lines(`"disconnected"`, `"transport":"sse"`, `"code":1012`)); n != 8 {
		t.Errorf("%d lines", n)
	}
}

// TestEventsCut wants those who do not read to be cut when the time for a
// shutdown is over.
func TestEventsCut(t *testing.T) {
	g := newRig(t)
	g.market.publish(20)
	g.events(t, "?streams=bbo.*").data(`{"stream":"`)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	g.server.Shutdown(ctx, time.Hour)
	if n := g.server.clients.count(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// TestEventsLast lets time pass, in virtual time: comments come, and neither
// an event stream nor a poll is cut by the deadlines of other answers.
func TestEventsLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(t)
		l := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		say := func(path string) (net.Conn, *http.Response) {
			conn, err := l.Dial()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			return conn, res
		}
		start := time.Now()
		conn, res := say("/v1/poll?streams=bbo.*&wait=60&cursor=k7:0")
		body, err := io.ReadAll(res.Body)
		if err != nil || string(body) != `{"frames":[],"cursor":"k7:0"}`+"\n" || time.Since(start) != time.Minute {
			t.Errorf("%s %v after %v", body, err, time.Since(start))
		}
		conn.Close()
		start = time.Now()
		conn, res = say("/v1/sse?streams=bbo.*")
		e := &eventSource{t: t, body: bufio.NewReader(res.Body)}
		e.next()
		e.next()
		for i := range 20 {
			if ev := e.next(); !ev.comment || time.Since(start) != time.Duration(i+1)*commentEvery {
				t.Fatalf("%+v after %v", ev, time.Since(start))
			}
		}
		conn.Close()
		time.Sleep(commentEvery) // it cannot be watched: a write tells
		synctest.Wait()
		if n := s.events.count(); n != 0 {
			t.Errorf("%d clients", n)
		}
		stopVirtual(t, s, l, served)
	})
}
