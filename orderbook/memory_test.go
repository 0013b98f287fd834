package orderbook

import (
	"math/rand/v2"
	"testing"
	"unsafe"

	"tickcast/wire"
)

// bytesOf returns the memory of a book: its slabs with their spare room.
func bytesOf(b *Book) int {
	return int(unsafe.Sizeof(*b)) +
		cap(b.orders)*int(unsafe.Sizeof(order{})) +
		cap(b.levels)*int(unsafe.Sizeof(level{})) +
		cap(b.nodes)*int(unsafe.Sizeof(node{})) +
		cap(b.hints)*4 +
		cap(b.rares)*int(unsafe.Sizeof(rare{})) +
		cap(b.index.entries)*8 +
		cap(b.touched)*int(unsafe.Sizeof(touch{}))
}

// TestMemory holds the bounds of a symbol: 512 KiB up to 8,000 orders, and for
// 20,000 1 MiB with handles, 1.75 MiB with outside ids. Books with almost a level
// an order, which are wider than those bounds, have their own.
func TestMemory(t *testing.T) {
	for _, c := range []struct {
		name    string
		orders  int
		half    int64 // prices of a side
		step    int64 // ticks between them
		outside bool
		most    int
	}{
		{"empty, handles", 0, 1, 1, false, 1 << 10},
		{"empty, outside ids", 0, 1, 1, true, 1 << 10},
		{"ten orders", 10, 5, 1, true, 4 << 10},
		{"8,000 near, handles", 8_000, 497, 1, false, 512 << 10},
		{"8,000 near, outside ids", 8_000, 497, 1, true, 512 << 10},
		{"20,000 near, handles", 20_000, 497, 1, false, 1 << 20},
		{"20,000 near, outside ids", 20_000, 497, 1, true, 1792 << 10},
		{"20,000 deep, handles", 20_000, 23, 1, false, 1 << 20},
		{"20,000 deep, outside ids", 20_000, 23, 1, true, 1792 << 10},
		{"8,000 sparse, handles", 8_000, 7241, 290, false, 768 << 10},
		{"8,000 sparse, outside ids", 8_000, 7241, 290, true, 896 << 10},
		{"20,000 sparse, handles", 20_000, 7241, 290, false, 1280 << 10},
		{"20,000 sparse, outside ids", 20_000, 7241, 290, true, 1792 << 10},
	} {
		b := mustBook(t, Config{OutsideIDs: c.outside})
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range c.orders {
			o := Order{ID: uint64(i + 1), Type: Limit, Side: wire.Buy, Qty: 1, Price: 10_000_000 - 1 - wire.Price(rng.Int64N(c.half)*c.step)}
			if i%2 == 1 {
				o.Side, o.Price = wire.Sell, 10_000_000+wire.Price(rng.Int64N(c.half)*c.step)
			}
			accepted := b.Enter(nil, &o)[0]
			b.Cancel(nil, accepted.ID) // and again, as in steady state
			b.Enter(nil, &o)
		}
		if got := bytesOf(b); got > c.most {
			t.Errorf("%s: %d bytes; want at most %d", c.name, got, c.most)
		} else {
			t.Logf("%s: %d bytes", c.name, got)
		}
	}
}

func TestSizes(t *testing.T) {
	if n := unsafe.Sizeof(order{}); n != 32 {
		t.Errorf("an order has %d bytes; want 32", n)
	}
	if n := unsafe.Sizeof(level{}); n != 32 {
		t.Errorf("a level has %d bytes; want 32", n)
	}
}
