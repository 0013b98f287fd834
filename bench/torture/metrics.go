package torture

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"

	"tickcast/bench"
)

// metrics is one look at a server's /metrics: values by series, as in
// `tickcast_disconnects_total{code="1000"}`.
type metrics map[string]float64

func scrape(ctx context.Context, admin *bench.Admin) (metrics, error) {
	text, err := admin.Get(ctx, "/metrics")
	if err != nil {
		return nil, fmt.Errorf("torture: metrics: %w", err)
	}
	return parseMetrics(text), nil
}

// parseMetrics reads the text format of Prometheus; what it cannot read it
// leaves out.
func parseMetrics(text []byte) metrics {
	m := make(metrics)
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		at := bytes.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		if v, err := strconv.ParseFloat(string(line[at+1:]), 64); err == nil {
			m[string(line[:at])] = v
		}
	}
	return m
}

// sum adds up all series of a name.
func (m metrics) sum(name string) (total float64) {
	for series, v := range m {
		if series == name || strings.HasPrefix(series, name+"{") {
			total += v
		}
	}
	return total
}

// Series that are looked at.
const (
	seriesSessions  = `tickcast_connections`
	seriesEnds      = `tickcast_disconnects_total`
	seriesEvictions = `tickcast_evictions_total`
	seriesGaps      = `tickcast_gaps_total`
	seriesOverloads = `tickcast_overloads_total`
	seriesSnapshots = `tickcast_encodes_total{dialect="json",kind="snapshot"}`
	seriesReplays   = `tickcast_encodes_total{dialect="json",kind="replay"}`
	seriesThreads   = `go_goroutines`
	seriesFiles     = `process_open_fds`
	seriesSockets   = `tickcast_sockets`
)

// ends returns the disconnections by code, of every transport.
func (m metrics) ends() map[string]int64 {
	out := make(map[string]int64)
	for series, v := range m {
		labels, ok := strings.CutPrefix(series, seriesEnds+"{")
		_, code, found := strings.Cut(labels, `code="`)
		if ok && found && v > 0 {
			code, _, _ = strings.Cut(code, `"`)
			out[code] += int64(v)
		}
	}
	return out
}

// panics is what a server must not have.
func (m metrics) panics() float64 {
	return m.sum("tickcast_panics_total") + m.sum("tickcast_session_panics_total")
}
