package bench

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestProfiles(t *testing.T) {
	for _, p := range Profiles() {
		if err := p.validate(); err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		if got, ok := ProfileNamed(p.Name); !ok || got != p {
			t.Errorf("ProfileNamed(%s) = %+v", p.Name, got)
		}
	}
	if _, ok := ProfileNamed("none"); ok {
		t.Error("there is a profile named none")
	}
}

// expected is the sum of counting each tick by itself.
func TestExpected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Profile{
			Connections: rapid.IntRange(1, 30).Draw(t, "connections"), Symbols: rapid.IntRange(1, 20).Draw(t, "symbols"),
			PerClient: rapid.IntRange(0, 20).Draw(t, "each"), SlowEvery: rapid.SampledFrom([]int{0, 3}).Draw(t, "slow"),
			Zipf: rapid.Float64Range(0, 2).Draw(t, "zipf"),
		}
		published := rapid.IntRange(0, 100).Draw(t, "published")
		in := p.draw()
		want := int64(0)
		for tick := range published {
			for i := range p.Connections {
				if !p.slow(i) && (in.all || slices.Contains(in.symbols[i], tick%p.Symbols)) {
					want++
				}
			}
		}
		if got := in.expected(int64(published)); got != want {
			t.Fatalf("expected = %d, want %d", got, want)
		}
	})
}

// The ui profile's popularity: the most wanted symbol is on most screens, and
// not the first in the publishing order.
func TestInterest(t *testing.T) {
	p, _ := ProfileNamed("ui")
	in := p.draw()
	sum, most := int64(0), 0
	for s, n := range in.readers {
		sum += n
		if n > in.readers[most] {
			most = s
		}
	}
	if sum != int64(p.Connections*p.PerClient) {
		t.Errorf("%d subscriptions", sum)
	}
	if in.readers[most] < int64(p.Connections)/2 || most == 0 {
		t.Errorf("symbol %d is on %d screens of %d", most, in.readers[most], p.Connections)
	}
	sets := map[string]bool{}
	for i := range in.symbols {
		slices.Sort(in.symbols[i])
		sets[string(in.appendSubscribe(nil, i))] = true
	}
	if len(sets) < p.Connections*9/10 {
		t.Errorf("%d different sets of %d", len(sets), p.Connections)
	}
}

func TestSubscribeMessage(t *testing.T) {
	in := &interest{symbols: [][]int{{3, 12345}}}
	if got := string(in.appendSubscribe(nil, 0)); got != `{"op":"subscribe","streams":["bbo.SYM00003","bbo.SYM12345"]}` {
		t.Error(got)
	}
	in.all = true
	if got := string(in.appendSubscribe(nil, 0)); !strings.Contains(got, `["bbo.*"]`) {
		t.Error(got)
	}
}
