//go:build !race

package wire

import "testing"

func TestEncoderAllocates0(t *testing.T) {
	e, bbo, book := NewEncoder(&btc), someBBO(), someBook(20)
	trade := TradeFrame{Seq: 88, ID: 12345, Price: 2536520, Qty: 1200, Side: Buy, TS: someTime, TP: someTime}
	dst, ends := make([]byte, 0, 1<<20), make([]int, 0, 8)
	for name, run := range map[string]func(){
		"bbo":        func() { e.AppendBBO(dst, JSON, &bbo) },
		"trade":      func() { e.AppendTrade(dst, JSON, &trade) },
		"book":       func() { e.AppendBook(dst, JSON, &book) },
		"book parts": func() { e.AppendBookParts(dst, JSON, &book, ends) },
		"crc":        func() { e.CRC(book.Bids, book.Asks) },
		"decimal":    func() { AppendDecimal(dst, -1, ScaleMax) },
	} {
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
