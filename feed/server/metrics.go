package server

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"tickcast/feed"
	"tickcast/wire"
)

// metrics collects what the hub, the shards and the listener count, when it
// is asked to.
type metrics struct {
	server      *Server
	disconnects *prometheus.CounterVec
	requests    *prometheus.CounterVec
	refusals    *prometheus.CounterVec
	panics      prometheus.Counter

	readings []reading
}

// reading is a number that is read at each collection.
type reading struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  func(*totals) float64
}

// totals is one look at everything.
type totals struct {
	hub    feed.Stats
	shards feed.ShardStats
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		server: s,
		disconnects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tickcast_disconnects_total", Help: "Sessions that ended, by close code; of Server-Sent Events the code that a WebSocket would have had.",
		}, []string{"transport", "code"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tickcast_requests_total", Help: "HTTP requests of clients, by route and status.",
		}, []string{"route", "status"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tickcast_refused_total", Help: "Requests that were refused, by HTTP status.",
		}, []string{"status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tickcast_panics_total", Help: "Panics of HTTP handlers.",
		}),
	}
	m.unlabelled()
	return m
}

func (m *metrics) unlabelled() {
	clients := m.server.clients
	counter := func(name, help string, value func(*totals) float64) {
		m.readings = append(m.readings, reading{prometheus.NewDesc("tickcast_"+name, help, nil, nil), prometheus.CounterValue, nil, value})
	}
	gauge := func(name, help string, value func(*totals) float64) {
		m.readings = append(m.readings, reading{prometheus.NewDesc("tickcast_"+name, help, nil, nil), prometheus.GaugeValue, nil, value})
	}
	gauge("sockets", "Open connections of the main listener.", func(*totals) float64 { return float64(clients.count()) })
	gauge("polls_waiting", "Long polls that wait for news.", func(*totals) float64 { return float64(m.server.waiting.Load()) })
	gauge("groups", "Interest groups.", func(t *totals) float64 { return float64(t.shards.Groups) })
	gauge("log_bytes", "Memory of the groups' logs.", func(t *totals) float64 { return float64(t.shards.LogBytes) })
	gauge("unsent_age_seconds", "Age of the oldest unsent byte of all sessions, measured once a second.", func(t *totals) float64 { return float64(t.shards.UnsentAge) / 1e9 })
	gauge("slow_sessions", "Sessions with an unsent byte that is older than a second, counted once a second.", func(t *totals) float64 { return float64(t.shards.Slow) })
	counter("events_in_total", "Events taken from sources.", func(t *totals) float64 { return float64(t.hub.Events) })
	counter("frames_published_total", "Frames numbered, watched or not.", func(t *totals) float64 { return float64(t.hub.Frames) })
	counter("frames_out_total", "Frames copied into logs.", func(t *totals) float64 { return float64(t.shards.Frames) })
	counter("bytes_in_total", "Bytes received from clients.", func(t *totals) float64 { return float64(t.shards.BytesIn) })
	counter("bytes_out_total", "Bytes sent to sessions and clients of Server-Sent Events.", func(t *totals) float64 {
		return float64(t.shards.BytesOut + m.server.events.bytes.Load())
	})
	counter("writes_total", "Writes to sockets.", func(t *totals) float64 { return float64(t.shards.Writes) })
	counter("resyncs_total", "Slow sessions that were told what they missed.", func(t *totals) float64 { return float64(t.shards.Resyncs) })
	counter("conflated_total", "State frames announced as conflated.", func(t *totals) float64 { return float64(t.shards.Conflated) })
	counter("overloads_total", "Inboxes that had to discard packets.", func(t *totals) float64 { return float64(t.shards.Torn) })
	counter("session_panics_total", "Sessions that ended with a panic.", func(t *totals) float64 { return float64(t.shards.Panics) })
	counter("accept_errors_total", "Accepts that failed and were retried.", func(*totals) float64 {
		return float64(clients.errs.Load() + m.server.operators.errs.Load())
	})
	counter("tls_errors_total", "TLS handshakes that failed.", func(*totals) float64 { return float64(clients.handshakes.Load()) })
	m.labelled()
}

// labelled adds the numbers that come in kinds.
func (m *metrics) labelled() {
	json := wire.JSON.String()
	add := m.add
	connections := describe("connections", "Sessions, and clients of Server-Sent Events.", "transport")
	add(connections, prometheus.GaugeValue, func(t *totals) float64 { return float64(t.shards.Sessions) }, transportName)
	add(connections, prometheus.GaugeValue, func(*totals) float64 { return float64(m.server.events.count()) }, eventsName)
	m.losses()
	m.limits()
	encodes := describe("encodes_total", "Frames encoded.", "dialect", "kind")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.hub.Live[wire.JSON]) }, json, "live")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.shards.Snapshots + t.hub.Snapshots) }, json, "snapshot")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.shards.Replays + t.hub.Replays) }, json, "replay")
	add(describe("published_watched_total", "Frames published while somebody watched.", "dialect"), prometheus.CounterValue,
		func(t *totals) float64 { return float64(t.hub.Watched[wire.JSON]) }, json)
}

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tickcast_"+name, help, labels, nil)
}

func (m *metrics) add(desc *prometheus.Desc, kind prometheus.ValueType, value func(*totals) float64, labels ...string) {
	m.readings = append(m.readings, reading{desc, kind, labels, value})
}

// count adds a counter for each value of a label.
func (m *metrics) count(desc *prometheus.Desc, values map[string]func(*totals) uint64) {
	for label, value := range values {
		m.add(desc, prometheus.CounterValue, func(t *totals) float64 { return float64(value(t)) }, label)
	}
}

// losses adds what clients did not get, and what became of those who came back.
func (m *metrics) losses() {
	m.count(describe("gaps_total", "Gaps announced, by reason.", "reason"), map[string]func(*totals) uint64{
		string(wire.GapSlow):     func(t *totals) uint64 { return t.shards.GapsBy.Slow },
		string(wire.GapOverload): func(t *totals) uint64 { return t.shards.GapsBy.Overload },
		string(wire.GapUpstream): func(t *totals) uint64 { return t.shards.GapsBy.Upstream },
		string(wire.GapHistory):  func(t *totals) uint64 { return t.shards.GapsBy.History },
		string(wire.GapEpoch):    func(t *totals) uint64 { return t.shards.GapsBy.Epoch },
	})
	m.count(describe("evictions_total", "Sessions closed for not reading: for the age of what is unsent, or at once because slow=close was asked.", "reason"), map[string]func(*totals) uint64{
		"age":    func(t *totals) uint64 { return t.shards.Evictions - t.shards.Behind },
		"behind": func(t *totals) uint64 { return t.shards.Behind },
	})
	m.count(describe("recover_total", "Streams that were resumed: without a hole, with their current state, or with a gap.", "result"), map[string]func(*totals) uint64{
		"recovered": func(t *totals) uint64 { return t.shards.Recovered },
		"state":     func(t *totals) uint64 { return t.shards.Restated },
		"gap":       func(t *totals) uint64 { return t.shards.Lost },
	})
}

// limits adds what was too much: of requests, connections, and in sessions.
func (m *metrics) limits() {
	values := map[string]func(*totals) uint64{
		"requests": func(t *totals) uint64 { return t.shards.Refused },
		"snapshots": func(*totals) uint64 {
			if m.server.requests == nil {
				return 0
			}
			return m.server.requests.refused.Load()
		},
	}
	for l := limit(1); l < limitCount; l++ {
		values[l.String()] = func(*totals) uint64 { return m.server.clients.exceeded[l].Load() }
	}
	for l := feed.Limit(1); l < feed.LimitCount; l++ {
		values[l.String()] = func(t *totals) uint64 { return t.shards.Limits[l] }
	}
	m.count(describe("limit_total", "What was refused or held back for being too much, by limit.", "limit"), values)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for i := range m.readings {
		ch <- m.readings[i].desc
	}
	ch <- stages
	m.disconnects.Describe(ch)
	m.requests.Describe(ch)
	m.refusals.Describe(ch)
	m.panics.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	t := totals{hub: m.server.hub.Stats(), shards: m.server.shards.Stats()}
	for i := range m.readings {
		r := &m.readings[i]
		ch <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(&t), r.labels...)
	}
	collectStages(ch, &t)
	m.disconnects.Collect(ch)
	m.requests.Collect(ch)
	m.refusals.Collect(ch)
	m.panics.Collect(ch)
}

func (m *metrics) disconnected(code wire.CloseCode, transport string) {
	label := "other" // clients may choose among 2,000
	if code < 3000 || code.String() != "code "+strconv.Itoa(int(code)) {
		label = strconv.Itoa(int(code))
	}
	m.disconnects.WithLabelValues(transport, label).Inc()
}

// requested counts a request; route is one of ours, whatever the client asked.
func (m *metrics) requested(route string, status int) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
}

func (m *metrics) refused(status int) {
	m.refusals.WithLabelValues(strconv.Itoa(status)).Inc()
}
