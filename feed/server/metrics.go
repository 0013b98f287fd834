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
	counter("events_in_total", "Events taken from sources.", func(t *totals) float64 { return float64(t.hub.Events) })
	counter("frames_published_total", "Frames numbered, watched or not.", func(t *totals) float64 { return float64(t.hub.Frames) })
	counter("frames_out_total", "Frames copied into logs.", func(t *totals) float64 { return float64(t.shards.Frames) })
	counter("bytes_in_total", "Bytes received from clients.", func(t *totals) float64 { return float64(t.shards.BytesIn) })
	counter("bytes_out_total", "Bytes sent to sessions and clients of Server-Sent Events.", func(t *totals) float64 {
		return float64(t.shards.BytesOut + m.server.events.bytes.Load())
	})
	counter("writes_total", "Writes to sockets.", func(t *totals) float64 { return float64(t.shards.Writes) })
	counter("resyncs_total", "Slow sessions that were told what they missed.", func(t *totals) float64 { return float64(t.shards.Resyncs) })
	counter("gaps_total", "Gaps announced.", func(t *totals) float64 { return float64(t.shards.Gaps) })
	counter("conflated_total", "State frames announced as conflated.", func(t *totals) float64 { return float64(t.shards.Conflated) })
	counter("evictions_total", "Sessions closed for not reading.", func(t *totals) float64 { return float64(t.shards.Evictions) })
	counter("overloads_total", "Inboxes that had to discard packets.", func(t *totals) float64 { return float64(t.shards.Torn) })
	counter("session_panics_total", "Sessions that ended with a panic.", func(t *totals) float64 { return float64(t.shards.Panics) })
	counter("accept_errors_total", "Accepts that failed and were retried.", func(*totals) float64 {
		return float64(clients.errs.Load() + m.server.operators.errs.Load())
	})
	m.labelled()
}

// labelled adds the numbers that come in kinds.
func (m *metrics) labelled() {
	json := wire.JSON.String()
	add := func(desc *prometheus.Desc, kind prometheus.ValueType, value func(*totals) float64, labels ...string) {
		m.readings = append(m.readings, reading{desc, kind, labels, value})
	}
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tickcast_"+name, help, labels, nil)
	}
	connections := describe("connections", "Sessions, and clients of Server-Sent Events.", "transport")
	add(connections, prometheus.GaugeValue, func(t *totals) float64 { return float64(t.shards.Sessions) }, transportName)
	add(connections, prometheus.GaugeValue, func(*totals) float64 { return float64(m.server.events.count()) }, eventsName)
	limits := describe("limit_total", "What was refused for being too much, by limit.", "limit")
	add(limits, prometheus.CounterValue, func(t *totals) float64 { return float64(t.shards.Refused) }, "requests")
	for l := limit(1); l < limitCount; l++ {
		add(limits, prometheus.CounterValue, func(*totals) float64 { return float64(m.server.clients.exceeded[l].Load()) }, l.String())
	}
	encodes := describe("encodes_total", "Frames encoded.", "dialect", "kind")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.hub.Live[wire.JSON]) }, json, "live")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.shards.Snapshots + t.hub.Snapshots) }, json, "snapshot")
	add(encodes, prometheus.CounterValue, func(t *totals) float64 { return float64(t.shards.Replays + t.hub.Replays) }, json, "replay")
	add(describe("published_watched_total", "Frames published while somebody watched.", "dialect"), prometheus.CounterValue,
		func(t *totals) float64 { return float64(t.hub.Watched[wire.JSON]) }, json)
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
