package bench

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func testReport() *Report {
	memory, growth := int64(612), int64(-20_480)
	r := &Report{
		Profile: "hot", Connections: 1000, Symbols: 1, Rate: 100, Duration: 10.003, Published: 1000,
		Expected: 1_000_000, Delivered: 999_990, Lost: 10, Gaps: 1, ScheduleKept: 0.9997, Sampled: 1,
		Latency:       Latency{P50: 412, P90: 1900, P99: 4210, P999: 9_990, P9999: 51_200, Max: 1_203_000},
		CPUPerMessage: new(4213.0), Memory: &memory, GeneratorBusy: new(0.913), ServerBusy: new(0.421), Growth: &growth,
		Audited: 2, BytesEach: 152.4, PerRead: 1.02, P99LimitUS: 50_000,
	}
	r.warn()
	return r
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

func TestWriteText(t *testing.T) {
	write := func(name string, r *Report) {
		t.Helper()
		var b strings.Builder
		if err := r.WriteText(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.String())
	}
	write("report.txt", testReport())
	write("unknown.txt", &Report{Profile: "idle", Connections: 1, Symbols: 1, Rate: 0.5, Duration: 1, Sampled: 16, ScheduleKept: 1, Skipped: 3})
}

// Scripts rely on these keys, in this order.
func TestReportJSON(t *testing.T) {
	out, err := json.MarshalIndent(testReport(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", string(out)+"\n")
	out, err = json.Marshal(&Report{})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), `"cpu_ns_per_message":null,"bytes_per_connection":null`) {
		t.Errorf("what is unknown must be null: %s", out)
	}
}

func TestReportErr(t *testing.T) {
	if err := (&Report{Expected: 5, Delivered: 5}).Err(); err != nil {
		t.Error(err)
	}
	for _, r := range []Report{{Lost: 1}, {Gaps: 1}, {Duplicates: 1}, {Closed: 1}, {Delivered: 1}} {
		if r.Err() == nil {
			t.Errorf("%+v is fine", r)
		}
	}
	want := "bench: 10 deliveries lost, 1 sequence numbers missing"
	if err := testReport().Err(); err == nil || err.Error() != want {
		t.Errorf("Err = %v, want %s", err, want)
	}
}

func TestUnits(t *testing.T) {
	for us, want := range map[int64]string{0: "0 us", 999: "999 us", 1000: "1 ms", 12_345: "12.3 ms", 999_000: "999 ms", 1_234_567: "1.23 s"} {
		if got := micros(us); got != want {
			t.Errorf("micros(%d) = %s, want %s", us, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -123: "-123", -1234567: "-1,234,567"} {
		if got := group(n); got != want {
			t.Errorf("group(%d) = %s, want %s", n, got, want)
		}
	}
}
