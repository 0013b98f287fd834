package report

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"tickcast/marketsim"
)

// Report is what is known of a tape. Use New, then set what it cannot know.
type Report struct {
	Seed    uint64  `json:"seed"`
	Preset  string  `json:"preset"`
	Symbols int     `json:"symbols"`
	Tape    string  `json:"tape"` // hash
	Events  uint64  `json:"events"`
	OneTick float64 `json:"one_tick"` // share of the time with a spread of one tick
	Passed  int     `json:"passed"`
	Facts   []Row   `json:"facts"`

	series marketsim.Series
}

// Row is a stylised fact. Value and Range are those of the first value that
// fails, or of the first one; Values are all. It passes if all do.
type Row struct {
	Name      string  `json:"name"`
	Value     Number  `json:"value"`
	Range     Range   `json:"range"`
	Reference string  `json:"reference"` // the same of a real AAPL hour
	Pass      bool    `json:"pass"`
	Values    []Value `json:"values"`
}

// Value is one number of a fact.
type Value struct {
	Name  string `json:"name"`
	Value Number `json:"value"`
	Range Range  `json:"range"`
	Pass  bool   `json:"pass"`
}

// Range is a demanded range, both ends included.
type Range [2]Number

// Number is null in JSON unless it is finite.
type Number float64

// MarshalJSON writes four significant decimals, or null.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', 6, 64), nil
}

// String returns the number for people.
func (n Number) String() string { return strconv.FormatFloat(float64(n), 'g', 4, 64) }

// String returns the range for people.
func (r Range) String() string {
	low, high := float64(r[0]), float64(r[1])
	switch {
	case math.IsInf(low, -1):
		return "<= " + r[1].String()
	case math.IsInf(high, 1):
		return ">= " + r[0].String()
	}
	return r[0].String() + " to " + r[1].String()
}

// references are the numbers of an hour of AAPL on 2012-06-21 (LOBSTER's
// sample), or what is configured.
var references = [...]string{
	"2.9, 3.2; 20.7", "20.7, 5.4, 1.0", ".01, .06", ".13 .10 .09 .07 at lags 1, 2, 5, 10", ".47",
	".61 .11 .03 at lags 1, 10, 100", "3.3; .90", "20.2", "20 / 8 / 72 %", "hump", ".64; 1.7",
	".37 s, 114 s", ".01", ".28", "the configured curve", "the configured correlations",
}

// New returns the report of facts and series.
func New(facts []marketsim.Fact, series marketsim.Series) *Report {
	r := &Report{series: series}
	for i := range facts {
		row := rowOf(&facts[i])
		if i < len(references) {
			row.Reference = references[i]
		}
		if row.Pass {
			r.Passed++
		}
		r.Facts = append(r.Facts, row)
	}
	return r
}

func rowOf(f *marketsim.Fact) Row {
	row := Row{Name: f.Name, Pass: true}
	for i := range f.Values {
		v := &f.Values[i]
		out := Value{Name: v.Name, Value: Number(v.Got), Range: Range{Number(v.Low), Number(v.High)}, Pass: v.Pass()}
		row.Values = append(row.Values, out)
		if i == 0 || row.Pass && !out.Pass {
			row.Value, row.Range = out.Value, out.Range
		}
		row.Pass = row.Pass && out.Pass
	}
	return row
}

// WriteJSON writes the report as one line of JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	out, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(append(out, '\n'))
	return err
}

// WriteText writes the report as a table.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Stylised facts of a simulated market: preset %s, seed %d\n\n", r.Preset, r.Seed)
	fmt.Fprintf(&b, "%-4s  %-32s  %-34s  %10s  %-16s  %s\n", "", "fact", "", "value", "demanded", "real AAPL hour")
	for _, row := range r.Facts {
		name, reference := row.Name, row.Reference
		for _, v := range row.Values {
			fmt.Fprintf(&b, "%-4s  %-32s  %-34s  %10s  %-16s  %s\n", verdict(v.Pass), name, v.Name, v.Value, v.Range, reference)
			name, reference = "", ""
		}
	}
	fmt.Fprintf(&b, "\n%d of %d pass; a spread of one tick %.1f %% of the time\n", r.Passed, len(r.Facts), 100*r.OneTick)
	_, err := io.WriteString(w, b.String())
	return err
}

func verdict(pass bool) string {
	if pass {
		return "pass"
	}
	return "FAIL"
}
