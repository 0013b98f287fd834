package marketsim

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestMergeSorts(t *testing.T) {
	var m merge
	rapid.Check(t, func(t *rapid.T) {
		m.reset()
		var want []uint64
		index := 0
		for range rapid.IntRange(0, 9).Draw(t, "runs") {
			times := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, 1<<39)), 1, 8).Draw(t, "times")
			slices.Sort(times)
			for _, at := range times {
				m.add(at, index)
				want = append(want, uint64(at)<<orderBits|uint64(index))
				index++
			}
		}
		slices.Sort(want)
		if diff := cmp.Diff(want, slices.Clone(m.sorted())); len(want) > 0 && diff != "" {
			t.Fatal(diff)
		}
	})
}
