package server

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// scrape reads the metrics as Prometheus would: by name and labels.
func (g *rig) scrape(t testing.TB) map[string]float64 {
	t.Helper()
	res, err := http.Get("http://" + g.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for name, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := strings.TrimPrefix(name, "tickcast_")
			if len(labels) > 0 {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			out[key] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

func TestMetrics(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	p := g.connect(t, "?streams=book.*,bbo.*")
	p.expect(`{"op":"subscribed",`)
	p.settle("ready")
	g.market.publish(100)
	p.settle("more")
	for range 2 {
		refused := g.dial(t)
		refused.write([]byte(handshake("/v1/stream?slow=x")))
		refused.answer()
		refused.conn.Close()
	}
	strange := g.connect(t, "")
	strange.write(clientFrame(0x88, closePayload(4321)))
	strange.gone()
	g.eventually("one left", func() bool { return g.server.clients.count() == 1 })
	got := g.scrape(t)
	for name, want := range map[string]float64{
		"connections{transport=websocket}": 1, "sockets": 1, "groups": 1, "refused_total{status=400}": 2,
		"disconnects_total{code=other,transport=websocket}": 1, "connections{transport=sse}": 0, "polls_waiting": 0,
		"requests_total{route=stream,status=400}": 2, "requests_total{route=stream,status=101}": 2, "limit_total{limit=requests}": 0, "limit_total{limit=connections}": 0,
		"limit_total{limit=address}": 0, "limit_total{limit=handshakes}": 0, "panics_total": 0, "session_panics_total": 0,
		"accept_errors_total": 0, "gaps_total{reason=slow}": 0, "gaps_total{reason=upstream}": 0, "evictions_total{reason=age}": 0,
		"recover_total{result=gap}": 0, "limit_total{limit=snapshots}": 0, "limit_total{limit=pings}": 0, "limit_total{limit=entries}": 0,
		"unsent_age_seconds": 0, "slow_sessions": 0, "tls_errors_total": 0, "conflated_total": 0,
		"encodes_total{dialect=json,kind=snapshot}": 6,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s = %v, %t; want %v", name, v, ok, want)
		}
	}
	for _, name := range []string{"events_in_total", "frames_out_total", "bytes_out_total", "bytes_in_total", "writes_total", "stage_seconds{stage=encode_to_write}", "go_goroutines"} {
		if got[name] <= 0 {
			t.Errorf("%s = %v", name, got[name])
		}
	}
}

// TestEncodeOnce wants the same number of live encodings for 1 and for 1,000
// clients of the same streams: as many as frames were published.
func TestEncodeOnce(t *testing.T) { eachKind(t, testEncodeOnce) }

func testEncodeOnce(t *testing.T, newRig maker) {
	one, thousand := encodings(t, 1), encodings(t, 1000)
	if one != thousand || one == 0 {
		t.Errorf("%v encodings for one client, %v for a thousand", one, thousand)
	}
}

// encodings publishes the same to some clients, wants them to get the same
// bytes, and returns how many live frames were encoded.
func encodings(t *testing.T, clients int) float64 {
	t.Helper()
	g := newRig(t)
	g.market.publish(100)
	var wg, ready sync.WaitGroup
	var last string // what the clients read up to
	published := make(chan struct{})
	digests := make([]uint64, clients)
	for i := range clients {
		p := g.connect(t, "?heartbeat=0&streams=book.*,trade.*,bbo.*")
		p.send(`{"op":"ping"}`)
		ready.Add(1)
		wg.Go(func() {
			_, err := p.digest(`{"op":"pong"`)
			ready.Done()
			<-published
			if err == nil {
				digests[i], err = p.digest(last)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	ready.Wait()
	for range 20 {
		g.market.publish(20)
	}
	last = fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,`, g.seq(t, "book.BTCUSDT"))
	close(published)
	wg.Wait()
	if n := len(slices.Compact(digests)); n != 1 {
		t.Errorf("%d clients got different bytes", n)
	}
	m := g.scrape(t)
	live, watched := m["encodes_total{dialect=json,kind=live}"], m["published_watched_total{dialect=json}"]
	if live != watched || m["connections{transport=websocket}"] < float64(clients) {
		t.Errorf("%d clients: %v encodings of %v frames, %v connections", clients, live, watched, m["connections{transport=websocket}"])
	}
	return live
}

// digest reads up to a text that begins so, and returns a hash of all.
func (p *peer) digest(last string) (uint64, error) {
	h := fnv.New64a()
	for {
		_, payload, err := p.frame()
		if err != nil {
			return 0, err
		}
		_, _ = h.Write(payload) // never fails
		if bytes.HasPrefix(payload, []byte(last)) {
			return h.Sum64(), nil
		}
	}
}
