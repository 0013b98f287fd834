package wire

import (
	"errors"
	"fmt"
)

func ExampleEncoder() {
	in := MustInstrument("BTCUSDT", "BTC", "USDT", "0.01", "0.00001")
	e := NewEncoder(&in)
	frame := TradeFrame{
		Seq: 88, ID: 12345, Price: 2536520, Qty: 1200, Side: Buy,
		TS: 1_700_000_000_000_000_000, TP: 1_700_000_000_000_031_000,
	}
	fmt.Println(string(e.AppendTrade(nil, JSON, &frame)))
	// Output: {"stream":"trade.BTCUSDT","seq":88,"id":12345,"price":"25365.20","qty":"0.01200","side":"buy","ts":1700000000000000,"tp":1700000000000031}
}

func ExampleRequest() {
	var r Request // one for many messages
	for _, msg := range []string{
		`{"op":"subscribe","id":7,"streams":["bbo.BTCUSDT"],"since":{"bbo.BTCUSDT":"k7:88"}}`,
		`{"op":"watch","id":"seven"}`,
	} {
		err := r.Parse([]byte(msg))
		if e, ok := errors.AsType[*Error](err); ok {
			fmt.Println(string(AppendErrorReply(nil, r.ID, e.Code, e.Message)))
			continue
		}
		epoch, seq, _ := ParseCursor(r.Since[0].Cursor)
		fmt.Printf("%v %s %s after %d of %s\n", r.Op, r.ID, r.Streams[0], seq, epoch)
	}
	// Output:
	// subscribe 7 bbo.BTCUSDT after 88 of k7
	// {"op":"error","id":"seven","code":"unknown_op","message":"unknown op \"watch\": \"op\" must be one of subscribe, unsubscribe, list, ping, auth"}
}

func ExampleFrameReader() {
	stream := AppendClientFrame(nil, OpcodePing, [4]byte{1, 2, 3, 4}, []byte("hello"))
	stream = AppendClientFrame(stream, OpcodeText, [4]byte{5, 6, 7, 8}, []byte(`{"op":"list"}`))

	var r FrameReader
	for _, read := range [][]byte{stream[:15], stream[15:]} { // as they come from a socket
		for {
			m, rest, err := r.Next(read, 64<<10)
			if err != nil {
				fmt.Println(err)
				return
			}
			if m.Op == 0 {
				break // more bytes are needed
			}
			fmt.Printf("%v %s\n", m.Op, m.Payload)
			read = rest
		}
	}
	// Output:
	// ping hello
	// text {"op":"list"}
}

func ExampleParseEntry() {
	e, err := ParseEntry("bbo.ETH*.100ms")
	fmt.Println(e.Slot.Channel(), e.Slot.Rate(), e.Match("ETHUSDT"), e.Match("BTCUSDT"), err)
	_, err = ParseEntry("candle2m.ETHUSDT")
	fmt.Println(err)
	// Output:
	// bbo 100ms true false <nil>
	// unknown channel
}
