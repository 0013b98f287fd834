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

func BenchmarkCRC(b *testing.B) {
	e, f := NewEncoder(&btc), someBook(10)
	b.ReportAllocs()
	for b.Loop() {
		e.CRC(f.Bids, f.Asks)
	}
}
