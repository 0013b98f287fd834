package torture

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run found. A nil pointer, and a map that is nil, is unknown
// or does not belong to the scenario.
type Report struct {
	Scenario string  `json:"scenario"`
	Source   string  `json:"source"`
	Clients  int     `json:"clients"`
	Symbols  int     `json:"symbols"`
	Rate     float64 `json:"rate"` // updates a second that were asked for, 0: the source's own
	Seed     uint64  `json:"seed"`
	Seconds  float64 `json:"seconds"` // the whole run

	Broken     int            `json:"violations"` // how many
	Rules      map[string]int `json:"rules"`      // how many of each rule
	Violations []Violation    `json:"first"`      // the first of them
	Warnings   []string       `json:"warnings,omitempty"`

	Quiet  *Phase `json:"quiet,omitempty"`
	Faults *Phase `json:"faults,omitempty"`
	Tally  Tally  `json:"clients_saw"`

	Roles       map[string]int   `json:"roles,omitempty"`
	Lost        int              `json:"lost_connections"` // that the server ended and nobody expected
	Settled     int              `json:"settled"`          // clients whose books and numbers were the server's at the end
	SettleTime  float64          `json:"settle_seconds"`
	ServerEnds  map[string]int64 `json:"server_disconnects"`
	ServerLines int64            `json:"server_log_lines"` // of disconnections, -1: unknown
	Evictions   int64            `json:"server_evictions"`
	Snapshots   int64            `json:"server_snapshots_encoded"`
	Replays     int64            `json:"server_frames_replayed"`
	Memory      *Memory          `json:"memory,omitempty"`
	Before      *Footprint       `json:"before,omitempty"`
	After       *Footprint       `json:"after,omitempty"`
	Rounds      []Round          `json:"rounds,omitempty"`
	Shutdown    *Ending          `json:"shutdown,omitempty"`
}

// Phase is a part of a Mixed run.
type Phase struct {
	Seconds    float64 `json:"seconds"`
	Deliveries float64 `json:"deliveries_per_second"`
	P50        int64   `json:"p50_us"` // of healthy clients, from publication to receipt
	P99        int64   `json:"p99_us"`
	Max        int64   `json:"max_us"`
	Typical    int64   `json:"typical_p99_us"` // the median of the p99s of all seconds
	ServerBusy float64 `json:"server_busy"`    // of one processor; 0: unknown
	ClientBusy float64 `json:"client_busy"`
	OthersBusy float64 `json:"others_busy"` // by all other processes; 0: unknown
}

// Memory is the server's resident set while the clients misbehave.
type Memory struct {
	Max    int64    `json:"max_bytes"`
	Fifths [5]int64 `json:"fifths_bytes"` // the medians of all fifths
	Limit  int64    `json:"limit_bytes"`  // of the last fifth
}

// Footprint is what a server holds without clients.
type Footprint struct {
	Goroutines int `json:"goroutines"`
	Files      int `json:"open_fds"`
	Sockets    int `json:"sockets"` // of the kernel's, on its port, TIME_WAIT aside
}

// Round is a kill and what followed.
type Round struct {
	Away     float64 `json:"away_ms"`   // from the kill to the first connect that succeeded
	Served   float64 `json:"served_ms"` // from there to the last client's last snapshot
	Streams  int     `json:"streams"`   // distinct ones that were asked for
	Encoded  int     `json:"encoded"`   // snapshots that the server encoded
	Foreign  int64   `json:"resumes"`   // event streams resumed with cursors of the server before
	Answered int64   `json:"answered"`  // of these, those that began anew with a gap
}

// Ending is a SIGTERM and what followed.
type Ending struct {
	Unready  float64 `json:"unready_ms"` // until /readyz said so
	Seconds  float64 `json:"seconds"`    // until the process had ended
	Drain    float64 `json:"drain_seconds"`
	Code     int     `json:"exit_code"`
	Readers  int     `json:"readers"`  // clients that read
	Noticed  int     `json:"noticed"`  // of these, those that got the notice
	Goodbyes int     `json:"goodbyes"` // and those that got close code 1012
}

func newPhase(d time.Duration, deliveries int64, h *hdrhistogram.Histogram) *Phase {
	return &Phase{
		Seconds: d.Seconds(), Deliveries: float64(deliveries) / d.Seconds(),
		P50: h.ValueAtQuantile(50), P99: h.ValueAtQuantile(99), Max: h.Max(),
	}
}

// judge takes over what a ledger holds.
func (r *Report) judge(l *ledger) {
	r.Broken, r.Violations, r.Rules = l.total(), append([]Violation{}, l.kept...), make(map[string]int)
	for rule, n := range l.counts {
		if n > 0 {
			r.Rules[Rule(rule).String()] = n
		}
	}
}

// Err returns an error if a promise was broken.
func (r *Report) Err() error {
	if r.Broken == 0 {
		return nil
	}
	return fmt.Errorf("torture: %d violations: %s", r.Broken, counts(r.Rules))
}

// WriteText writes the report as a table, violations below it.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(tw, name+"\t"+format+"\n", args...) }
	row("scenario", "%s: %d clients, %d symbols, source %s, seed %d, %.1f s", r.Scenario, r.Clients, r.Symbols, r.Source, r.Seed, r.Seconds)
	r.Quiet.write(row, "quiet")
	r.Faults.write(row, "faults")
	r.writeClients(row)
	r.writeServer(row)
	for i, k := range r.Rounds {
		row(fmt.Sprintf("kill %d", i+1), "away %.0f ms, then all served in %.0f ms: %d streams, %d snapshots encoded, %d of %d resumes answered with a gap",
			k.Away, k.Served, k.Streams, k.Encoded, k.Answered, k.Foreign)
	}
	if e := r.Shutdown; e != nil {
		row("shutdown", "unready after %.0f ms, exit code %d after %.2f s of %.0f s drain", e.Unready, e.Code, e.Seconds, e.Drain)
		row("", "of %d clients that read, %d got the notice, %d close code 1012", e.Readers, e.Noticed, e.Goodbyes)
	}
	for _, text := range r.Warnings {
		row("warning", "%s", text)
	}
	if r.Broken == 0 {
		row("violations", "none")
	} else {
		row("violations", "%d: %s", r.Broken, counts(r.Rules))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, v := range r.Violations {
		if _, err := fmt.Fprintln(w, v); err != nil {
			return err
		}
	}
	return nil
}

type rowFunc func(name, format string, args ...any)

func (p *Phase) write(row rowFunc, name string) {
	if p == nil {
		return
	}
	row(name, "%.0f s, %.0f deliveries/s, p50 %.2f ms, p99 %.2f ms (%.2f in a typical second), max %.1f ms, server %.0f %%, clients %.0f %%, others %.0f %% of a core",
		p.Seconds, p.Deliveries, float64(p.P50)/1e3, float64(p.P99)/1e3, float64(p.Typical)/1e3, float64(p.Max)/1e3, p.ServerBusy*100, p.ClientBusy*100, p.OthersBusy*100)
}

func (r *Report) writeClients(row rowFunc) {
	t := &r.Tally
	if r.Roles != nil {
		row("roles", "%s", counts(r.Roles))
	}
	row("audited", "%d frames, %d of them compared with those of others, %d crcs, %d snapshots, %d heartbeats",
		t.Deliveries, t.Compared, t.CRCs, t.Snapshots, t.Heartbeats)
	row("announced", "%d gaps of %d frames, %d frames conflated", t.Gaps, t.GapFrames, t.Conflated)
	row("resumes", "%d of %d within history recovered, %d of %d with foreign cursors answered with a gap",
		t.ResumesMade, t.ResumesAsked, t.ForeignRefused, t.ForeignAsked)
	row("connections", "%d made, %d left, %d reset, %d without close frame, closed: %s, lost: %d",
		t.Connects, t.Left, t.Resets, t.Ends, counts(t.Closes), r.Lost)
	if r.Settled > 0 {
		row("at the end", "%d clients equal to a new one, in every number and level, after %.1f s", r.Settled, r.SettleTime)
	}
}

func (r *Report) writeServer(row rowFunc) {
	lines := "unknown"
	if r.ServerLines >= 0 {
		lines = fmt.Sprint(r.ServerLines)
	}
	row("server", "disconnects by code: %s; log lines of them: %s; evictions: %d", counts(r.ServerEnds), lines, r.Evictions)
	row("", "%d snapshots encoded, %d frames replayed", r.Snapshots, r.Replays)
	if m := r.Memory; m != nil {
		f := &m.Fifths
		row("memory", "medians of fifths of the time: %.1f, %.1f, %.1f, %.1f, %.1f MB (limit of the last %.1f), max %.1f",
			mega(f[0]), mega(f[1]), mega(f[2]), mega(f[3]), mega(f[4]), mega(m.Limit), mega(m.Max))
	}
	if a, b := r.Before, r.After; a != nil && b != nil {
		row("without clients", "before: %d goroutines, %d fds, %d sockets; after: %d, %d, %d",
			a.Goroutines, a.Files, a.Sockets, b.Goroutines, b.Files, b.Sockets)
	}
}

func mega(n int64) float64 { return float64(n) / 1e6 }

// counts prints a map in order of its keys: "1000 x 12, 4008 x 3".
func counts[K string | int, V int | int64](m map[K]V) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%v x %d", k, m[k]))
	}
	return strings.Join(parts, ", ")
}
