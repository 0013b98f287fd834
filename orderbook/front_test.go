package orderbook

import (
	"testing"

	"tickcast/wire"
)

func TestFrontAndSample(t *testing.T) {
	b, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := b.Front(wire.Buy); ok {
		t.Errorf("empty book: got front %+v", o)
	}
	if o, ok := b.Sample(1); ok {
		t.Errorf("empty book: got sample %+v", o)
	}
	var ids []uint64
	for i := range 4 {
		events := b.Enter(nil, &Order{Side: wire.Buy, Type: Limit, Qty: 1, Price: wire.Price(10 + i/2)})
		ids = append(ids, events[0].ID)
	}
	if o, ok := b.Front(wire.Buy); !ok || o.ID != ids[2] {
		t.Errorf("got front %+v; want the first at the best price", o)
	}
	b.Cancel(nil, ids[2])
	if o, ok := b.Front(wire.Buy); !ok || o.ID != ids[3] {
		t.Errorf("got front %+v; want the one behind", o)
	}
	found := map[uint64]int{}
	for i := range uint64(64) {
		if o, ok := b.Sample(i << 58); ok {
			found[o.ID]++
		}
	}
	if len(found) != 3 || found[ids[0]] != 16 || found[ids[1]] != 16 || found[ids[3]] != 16 {
		t.Errorf("got samples %v; want each order equally often", found)
	}
}
