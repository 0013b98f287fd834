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
	refusals    *prometheus.CounterVec
	panics      prometheus.Counter

	gauges []reading
}

// reading is a number that is read at each collection.
type reading struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	label string
	value func(*totals) float64
}

// totals is one look at everything.
type totals struct {
	hub      feed.Stats
	shards   feed.ShardStats
	listener *listener
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		server: s,
		disconnects: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tickcast_disconnects_total", Help: "Sessions that ended, by close code.",
		}, []string{"code"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tickcast_refused_total", Help: "Requests that were refused, by HTTP status.",
		}, []string{"status"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tickcast_panics_total", Help: "Panics of HTTP handlers.",
		}),
	}
	m.readings()
	return m
}

func (m *metrics) readings() {
	counter := func(name, help string, value func(*totals) float64) {
		m.gauges = append(m.gauges, reading{prometheus.NewDesc("tickcast_"+name, help, nil, nil), prometheus.CounterValue, "", value})
	}
	gauge := func(name, help string, value func(*totals) float64) {
		m.gauges = append(m.gauges, reading{prometheus.NewDesc("tickcast_"+name, help, nil, nil), prometheus.GaugeValue, "", value})
	}
	gauge("connections", "WebSocket sessions.", func(t *totals) float64 { return float64(t.shards.Sessions) })
	gauge("sockets", "Open connections of the main listener.", func(t *totals) float64 {
		if t.listener == nil {
			return 0
		}
		return float64(t.listener.count())
	})
	gauge("groups", "Interest groups.", func(t *totals) float64 { return float64(t.shards.Groups) })
	gauge("log_bytes", "Memory of the groups' logs.", func(t *totals) float64 { return float64(t.shards.LogBytes) })
	counter("events_in_total", "Events taken from sources.", func(t *totals) float64 { return float64(t.hub.Events) })
	counter("frames_published_total", "Frames numbered, watched or not.", func(t *totals) float64 { return float64(t.hub.Frames) })
	counter("frames_out_total", "Frames copied into logs.", func(t *totals) float64 { return float64(t.shards.Frames) })
	counter("bytes_in_total", "Bytes received from clients.", func(t *totals) float64 { return float64(t.shards.BytesIn) })
	counter("bytes_out_total", "Bytes sent to clients.", func(t *totals) float64 { return float64(t.shards.BytesOut) })
	counter("writes_total", "Writes to sockets.", func(t *totals) float64 { return float64(t.shards.Writes) })
	counter("resyncs_total", "Slow sessions that were told what they missed.", func(t *totals) float64 { return float64(t.shards.Resyncs) })
	counter("gaps_total", "Gaps announced.", func(t *totals) float64 { return float64(t.shards.Gaps) })
	counter("conflated_total", "State frames announced as conflated.", func(t *totals) float64 { return float64(t.shards.Conflated) })
	counter("evictions_total", "Sessions closed for not reading.", func(t *totals) float64 { return float64(t.shards.Evictions) })
	counter("limit_total", "Control messages refused for their rate.", func(t *totals) float64 { return float64(t.shards.Refused) })
	counter("overloads_total", "Inboxes that had to discard packets.", func(t *totals) float64 { return float64(t.shards.Torn) })
	counter("session_panics_total", "Sessions that ended with a panic.", func(t *totals) float64 { return float64(t.shards.Panics) })
	counter("accept_errors_total", "Accepts that failed and were retried.", func(t *totals) float64 {
		if t.listener == nil {
			return 0
		}
		return float64(t.listener.errs.Load())
	})
	encodes := prometheus.NewDesc("tickcast_encodes_total", "Frames encoded.", []string{"dialect", "kind"}, nil)
	watched := prometheus.NewDesc("tickcast_published_watched_total", "Frames published while somebody watched.", []string{"dialect"}, nil)
	m.gauges = append(m.gauges,
		reading{encodes, prometheus.CounterValue, "live", func(t *totals) float64 { return float64(t.hub.Live[wire.JSON]) }},
		reading{encodes, prometheus.CounterValue, "snapshot", func(t *totals) float64 { return float64(t.shards.Snapshots) }},
		reading{encodes, prometheus.CounterValue, "replay", func(t *totals) float64 { return float64(t.shards.Replays) }},
		reading{watched, prometheus.CounterValue, "watched", func(t *totals) float64 { return float64(t.hub.Watched[wire.JSON]) }},
	)
}

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for i := range m.gauges {
		ch <- m.gauges[i].desc
	}
	m.disconnects.Describe(ch)
	m.refusals.Describe(ch)
	m.panics.Describe(ch)
}

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	s := m.server
	t := totals{hub: s.hub.Stats(), shards: s.shards.Stats(), listener: s.listeners.Load()}
	for i := range m.gauges {
		g := &m.gauges[i]
		var labels []string
		switch g.label {
		case "":
		case "watched":
			labels = []string{wire.JSON.String()}
		default:
			labels = []string{wire.JSON.String(), g.label}
		}
		ch <- prometheus.MustNewConstMetric(g.desc, g.kind, g.value(&t), labels...)
	}
	m.disconnects.Collect(ch)
	m.refusals.Collect(ch)
	m.panics.Collect(ch)
}

func (m *metrics) disconnected(code wire.CloseCode) {
	m.disconnects.WithLabelValues(strconv.Itoa(int(code))).Inc()
}

func (m *metrics) refused(status int) {
	m.refusals.WithLabelValues(strconv.Itoa(status)).Inc()
}
