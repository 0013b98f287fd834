//go:build !race

package wire

import "testing"

func TestEncoderAllocates0(t *testing.T) {
	e, bbo, book := NewEncoder(&btc), someBBO(), someBook(20)
	trade := TradeFrame{Seq: 88, ID: 12345, Price: 2536520, Qty: 1200, Side: Buy, TS: someTime, TP: someTime}
	snapshot, events, depth := someOrders(), someOrderEvents(), someDepth(ChannelDepth20)
	candle, ticker := someCandle(), someTicker()
	status := StatusFrame{Seq: 1, State: StateAuction, Indicative: Level{2535800, 91250}, TS: someTime, TP: someTime}
	dst, ends := make([]byte, 0, 1<<20), make([]int, 0, 8)
	for name, run := range map[string]func(){
		"bbo":            func() { e.AppendBBO(dst, JSON, &bbo) },
		"trade":          func() { e.AppendTrade(dst, JSON, &trade) },
		"book":           func() { e.AppendBook(dst, JSON, &book) },
		"book parts":     func() { e.AppendBookParts(dst, JSON, &book, ends) },
		"order snapshot": func() { e.AppendOrder(dst, JSON, &snapshot) },
		"order delta":    func() { e.AppendOrder(dst, JSON, &events) },
		"order parts":    func() { e.AppendOrderParts(dst, JSON, &snapshot, ends) },
		"depth":          func() { e.AppendDepth(dst, JSON, &depth) },
		"candle":         func() { e.AppendCandle(dst, JSON, &candle) },
		"ticker":         func() { e.AppendTicker(dst, JSON, &ticker) },
		"status":         func() { e.AppendStatus(dst, JSON, &status) },
		"crc":            func() { e.CRC(book.Bids, book.Asks) },
		"decimal":        func() { AppendDecimal(dst, -1, ScaleMax) },
		"sum":            func() { AppendSum(dst, Sum{Hi: -1 << 63}, 2*ScaleMax) },
		"division":       func() { Product(-1<<62, 1<<60).DivRound(Sum{Hi: 1, Lo: 1}) },
	} {
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
