package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"tickcast/marketsim"
)

func reportOf(t *testing.T, events uint64) *Report {
	t.Helper()
	o, err := marketsim.ObserveAlone(marketsim.Config{Seed: 1, Preset: marketsim.PresetSmallTick}, events)
	if err != nil {
		t.Fatal(err)
	}
	r := New(o.Facts(20), o.Series())
	r.Preset, r.Seed, r.Symbols = "small-tick", 1, 1
	return r
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := reportOf(t, 50_000).WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Facts []struct {
			Name, Reference string
			Value           *float64
			Range           []*float64
			Pass            *bool
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for i, f := range got.Facts {
		if f.Name == "" || f.Reference == "" || len(f.Range) != 2 || f.Pass == nil {
			t.Errorf("fact %d: got %+v", i, f)
		}
	}
}

// TestRow holds that the value shown is the one that fails.
func TestRow(t *testing.T) {
	row := rowOf(&marketsim.Fact{Name: "x", Values: []marketsim.Value{
		{Name: "good", Got: 1, Low: 0, High: 2},
		{Name: "bad", Got: 3, Low: 0, High: 2},
		{Name: "none", Got: math.NaN(), Low: 0, High: math.Inf(1)},
	}})
	if row.Pass || row.Value != 3 || len(row.Values) != 3 {
		t.Errorf("got %+v", row)
	}
	text, err := json.Marshal(row.Values[2])
	if err != nil || string(text) != `{"name":"none","value":null,"range":[0,null],"pass":false}` {
		t.Errorf("got %s, %v", text, err)
	}
}

func TestText(t *testing.T) {
	var out bytes.Buffer
	if err := reportOf(t, 50_000).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "1 fat tails") || !strings.Contains(s, " pass; a spread of one tick") {
		t.Errorf("got %s", s)
	}
}

// TestHTML holds that the page needs nothing from elsewhere and that its
// pictures are well formed, on short tapes as well.
func TestHTML(t *testing.T) {
	for _, events := range []uint64{1, 600, 100_000} {
		var out bytes.Buffer
		if err := reportOf(t, events).WriteHTML(&out); err != nil {
			t.Fatalf("%d events: %v", events, err)
		}
		s := out.String()
		if n := strings.Count(s, "<svg"); n != 8 {
			t.Errorf("%d events: got %d pictures; want 8", events, n)
		}
		for _, banned := range []string{"<script", "<link", "src=", "@import", "url("} {
			if strings.Contains(s, banned) {
				t.Errorf("%d events: the page has %s", events, banned)
			}
		}
		for rest := s; strings.Contains(rest, "<svg"); {
			_, rest, _ = strings.Cut(rest, "<svg")
			svg, after, _ := strings.Cut(rest, "</svg>")
			wellFormed(t, "<svg"+svg+"</svg>")
			rest = after
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}
