//go:build !race

package bench

import (
	"testing"

	"tickcast/feed/client"
)

func testBatch(n int) []byte {
	var b []byte
	for i := range n {
		b = appendServerFrame(b, client.OpText, testTick("bbo.SYM00000", i, 0))
	}
	return b
}

func TestTakeAllocatesNothing(t *testing.T) {
	m, in := newAudited()
	b := append(testBatch(10), appendServerFrame(nil, client.OpPing, "p")...)
	if n := testing.AllocsPerRun(1000, func() {
		in.pongs = in.pongs[:0]
		if _, err := m.take(in, b, testTS); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations for ten messages and a ping", n)
	}
}

func BenchmarkTake(b *testing.B) {
	const frames = 1000
	batch := testBatch(frames)
	run := func(name string, sample int, in *inbox) {
		b.Run(name, func(b *testing.B) {
			m := newMeter(sample)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.take(in, batch, testTS); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames, "ns/message")
		})
	}
	run("every", 1, &inbox{})
	run("sixteenth", 16, &inbox{})
	run("audited", 1, &inbox{last: map[string]*uint64{}})
}
