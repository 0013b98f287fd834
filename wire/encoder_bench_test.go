package wire

import "testing"

func BenchmarkAppendBBO(b *testing.B) {
	e, f := NewEncoder(&btc), someBBO()
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendBBO(dst[:0], JSON, &f)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendTrade(b *testing.B) {
	e := NewEncoder(&btc)
	f := TradeFrame{Seq: 88, ID: 12345, Price: 2536520, Qty: 1200, Side: Buy, TS: someTime, TP: someTime}
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendTrade(dst[:0], JSON, &f)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendBook(b *testing.B) {
	run := func(name string, levels int) {
		b.Run(name, func(b *testing.B) {
			e, f := NewEncoder(&btc), someBook(levels)
			dst := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				dst = e.AppendBook(dst[:0], JSON, &f)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
	run("delta of 2", 1)
	run("snapshot of 2000", 1000)
}

func BenchmarkAppendOrder(b *testing.B) {
	run := func(name string, f OrderFrame) {
		b.Run(name, func(b *testing.B) {
			e := NewEncoder(&btc)
			dst := make([]byte, 0, 1<<20)
			b.ReportAllocs()
			for b.Loop() {
				dst = e.AppendOrder(dst[:0], JSON, &f)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
	delta, snapshot := someOrderEvents(), someOrders()
	delta.Events = delta.Events[:2]
	for len(snapshot.Events) < 2000 {
		snapshot.Events = append(snapshot.Events, snapshot.Events...)
	}
	snapshot.Events = snapshot.Events[:2000]
	run("delta of 2", delta)
	run("snapshot of 2000", snapshot)
}

func BenchmarkAppendDepth(b *testing.B) {
	for _, c := range []Channel{ChannelDepth5, ChannelDepth10, ChannelDepth20} {
		b.Run(c.String(), func(b *testing.B) {
			e, f := NewEncoder(&btc), someDepth(c)
			dst := make([]byte, 0, 4096)
			b.ReportAllocs()
			for b.Loop() {
				dst = e.AppendDepth(dst[:0], JSON, &f)
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}

func BenchmarkAppendCandle(b *testing.B) {
	e, f := NewEncoder(&btc), someCandle()
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendCandle(dst[:0], JSON, &f)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendTicker(b *testing.B) {
	e, f := NewEncoder(&btc), someTicker()
	dst := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendTicker(dst[:0], JSON, &f)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkAppendStatus(b *testing.B) {
	e := NewEncoder(&btc)
	f := StatusFrame{Seq: 1, State: StateAuction, Indicative: Level{2535800, 91250}, TS: someTime, TP: someTime}
	dst := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		dst = e.AppendStatus(dst[:0], JSON, &f)
	}
	b.SetBytes(int64(len(dst)))
}

func BenchmarkCRC(b *testing.B) {
	e, f := NewEncoder(&btc), someBook(10)
	b.ReportAllocs()
	for b.Loop() {
		e.CRC(f.Bids, f.Asks)
	}
}
