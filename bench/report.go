package bench

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run measured. A nil pointer is unknown. As JSON its keys
// stand in this order.
type Report struct {
	Profile     string  `json:"profile"`
	Connections int     `json:"connections"`
	Expected    int64   `json:"expected"`  // deliveries that the published ticks had to make
	Delivered   int64   `json:"delivered"` // deliveries that were made
	Lost        int64   `json:"lost"`      // the difference, if it is one
	Latency     Latency `json:"latency_us"`

	CPUPerMessage *float64 `json:"cpu_ns_per_message"`   // nanoseconds of server CPU a delivery
	Memory        *int64   `json:"bytes_per_connection"` // server memory

	Rate          float64  `json:"rate"`           // ticks per second over all symbols
	Duration      float64  `json:"duration"`       // of the window, seconds
	Published     int64    `json:"published"`      // ticks
	Gaps          int64    `json:"gaps"`           // audit: sequence numbers that never came
	Duplicates    int64    `json:"duplicates"`     // audit: that came twice or late
	ScheduleKept  float64  `json:"schedule_kept"`  // ticks published / ticks scheduled
	Sampled       int      `json:"sampled"`        // latency of each n-th message
	GeneratorBusy *float64 `json:"generator_busy"` // of one processor, 0 to 1 and more

	Symbols    int      `json:"symbols"`
	Audited    int      `json:"audited"`            // connections whose sequences were checked
	Skipped    int64    `json:"skipped"`            // frames that the server said it skips
	Closed     int      `json:"closed"`             // connections that the server ended
	ServerBusy *float64 `json:"server_busy"`        // of one processor, in the window
	QuietBusy  *float64 `json:"quiet_busy"`         // the same without ticks; unknown if not measured
	Growth     *int64   `json:"growth_bytes"`       // of server memory during the window
	BytesEach  float64  `json:"bytes_per_message"`  // on the wire, without TCP and below
	PerRead    float64  `json:"messages_per_read"`  // of the generator
	P99LimitUS int64    `json:"p99_limit_us"`       // of the profile, 0 for none
	Warnings   []string `json:"warnings,omitempty"` // what makes the figures doubtful
}

// Latency is a distribution in microseconds, from the scheduled instant of a
// tick to its receipt.
type Latency struct {
	P50   int64 `json:"p50"`
	P90   int64 `json:"p90"`
	P99   int64 `json:"p99"`
	P999  int64 `json:"p99_9"`
	P9999 int64 `json:"p99_99"`
	Max   int64 `json:"max"`
}

func newLatencyOf(h *hdrhistogram.Histogram) Latency {
	return Latency{
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99),
		P999: h.ValueAtQuantile(99.9), P9999: h.ValueAtQuantile(99.99), Max: h.Max(),
	}
}

// Err returns an error if deliveries were lost, doubled, or out of sequence, or
// connections ended.
func (r *Report) Err() error {
	var faults []string
	add := func(n int64, what string) {
		if n > 0 {
			faults = append(faults, group(n)+" "+what)
		}
	}
	add(r.Lost, "deliveries lost")
	add(r.Delivered-r.Expected, "deliveries more than expected")
	add(r.Gaps, "sequence numbers missing")
	add(r.Duplicates, "sequence numbers twice or late")
	add(int64(r.Closed), "connections ended by the server")
	if faults == nil {
		return nil
	}
	return errors.New("bench: " + strings.Join(faults, ", "))
}

// warn fills in Warnings.
func (r *Report) warn() {
	const busyMax, keptMin = 0.8, 0.98
	if r.GeneratorBusy != nil && *r.GeneratorBusy > busyMax {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"the load generator was %.0f %% busy: it may have been the bottleneck, and latencies are its own", *r.GeneratorBusy*100))
	}
	if r.ScheduleKept < keptMin {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"the server published %.1f %% of the scheduled ticks: it has not kept up", r.ScheduleKept*100))
	}
	if r.P99LimitUS > 0 && r.Latency.P99 > r.P99LimitUS {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"p99 is above the %s that this profile allows", micros(r.P99LimitUS)))
	}
}

// WriteText writes the report as a table.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(tw, name+"\t"+format+"\n", args...) }
	row("profile", "%s: %s, %s, %s ticks/s for %s", r.Profile, count(r.Connections, "connection"), count(r.Symbols, "symbol"),
		strconv.FormatFloat(r.Rate, 'f', -1, 64), seconds(r.Duration))
	row("delivered", "%s of %s expected, %s lost", group(r.Delivered), group(r.Expected), group(r.Lost))
	row("published", "%s ticks, %.1f %% of the schedule", group(r.Published), r.ScheduleKept*100)
	row("audit", "every stream of %s: %s missing, %s twice or late", count(r.Audited, "connection"), group(r.Gaps), group(r.Duplicates))
	if r.Skipped > 0 {
		row("announced", "%s frames as skipped", group(r.Skipped))
	}
	l := r.Latency
	row("latency", "p50 %s  p90 %s  p99 %s  p99.9 %s  p99.99 %s  max %s", micros(l.P50), micros(l.P90), micros(l.P99),
		micros(l.P999), micros(l.P9999), micros(l.Max))
	row("", "from the scheduled instant to receipt, %s", sampling(r.Sampled))
	row("server CPU", "%s a message, %s of a core", known(r.CPUPerMessage, "%.0f ns"), percent(r.ServerBusy))
	if r.QuietBusy != nil {
		row("", "%s of a core without ticks", percent(r.QuietBusy))
	}
	row("server memory", "%s a connection, %s growth while measuring", size(r.Memory), size(r.Growth))
	row("generator", "%s of a core, %.1f messages a read, %.0f bytes a message", percent(r.GeneratorBusy), r.PerRead, r.BytesEach)
	for _, warning := range r.Warnings {
		row("warning", "%s", warning)
	}
	return tw.Flush()
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return group(int64(n)) + " " + noun
}

func sampling(n int) string {
	if n == 1 {
		return "every message"
	}
	return fmt.Sprintf("one message in %d", n)
}

func known(v *float64, format string) string {
	if v == nil {
		return "unknown"
	}
	return fmt.Sprintf(format, *v)
}

func percent(share *float64) string {
	if share == nil {
		return "unknown"
	}
	return fmt.Sprintf("%.1f %%", *share*100)
}

func size(n *int64) string {
	switch {
	case n == nil:
		return "unknown"
	case *n > -10_000 && *n < 10_000:
		return group(*n) + " B"
	case *n > -10_000_000 && *n < 10_000_000:
		return group(*n/1000) + " kB"
	}
	return group(*n/1_000_000) + " MB"
}

// micros prints microseconds with three digits that count.
func micros(us int64) string {
	switch {
	case us < 1000:
		return fmt.Sprintf("%d us", us)
	case us < 1_000_000:
		return strconv.FormatFloat(float64(us)/1000, 'g', 3, 64) + " ms"
	}
	return fmt.Sprintf("%.2f s", float64(us)/1e6)
}

func seconds(s float64) string {
	return time.Duration(math.Round(s*10) * 1e8).String()
}

// group prints n with commas.
func group(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
