package marketsim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tickcast/wire"
)

// binanceExp is the number of decimals that Binance prints.
const binanceExp = 8

// binanceDecoder reads raw Binance streams as they were received: each line is
// the local time in ns, a space, and the JSON text. Depth diffs and REST
// snapshots build the book; trades become trades; other streams change nothing.
type binanceDecoder struct {
	lines  *lineReader
	symbol string // of the last stream message: a snapshot does not tell its own
}

func newBinanceDecoder(r *bufio.Reader) *binanceDecoder {
	return &binanceDecoder{lines: newLineReader(r)}
}

// binanceMessage is the union of what the streams send and a snapshot.
type binanceMessage struct {
	Stream string          `json:"stream"`
	Data   json.RawMessage `json:"data"`

	LastUpdateID int64       `json:"lastUpdateId"`
	Bids         [][2]string `json:"bids"`
	Asks         [][2]string `json:"asks"`
}

type binanceDepth struct {
	Symbol string      `json:"s"`
	First  int64       `json:"U"`
	Last   int64       `json:"u"`
	Bids   [][2]string `json:"b"`
	Asks   [][2]string `json:"a"`
}

// binanceTrade has a field for every key that begins with one of its letters:
// encoding/json ignores case where no exact key exists.
type binanceTrade struct {
	Symbol     string          `json:"s"`
	Price      string          `json:"p"`
	Qty        string          `json:"q"`
	BuyerMaker bool            `json:"m"`
	Ignored    json.RawMessage `json:"M"`
}

func (d *binanceDecoder) next(r *record) error {
	line, err := d.lines.next()
	if err != nil {
		return err
	}
	stamp, text, ok := bytes.Cut(line, []byte(" "))
	if !ok {
		return errors.New("no space between time and message")
	}
	if r.time, err = strconv.ParseInt(string(stamp), 10, 64); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	var m binanceMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	r.kind = recordNothing
	if m.Stream == "" {
		return d.snapshot(r, &m)
	}
	name, stream, _ := strings.Cut(m.Stream, "@")
	if name == "" {
		return fmt.Errorf("stream %.32q has no symbol", m.Stream)
	}
	d.symbol = strings.ToUpper(name)
	r.symbol = d.symbol
	switch {
	case strings.HasPrefix(stream, "depth"):
		return parseBinanceDepth(r, m.Data)
	case stream == "trade":
		return parseBinanceTrade(r, m.Data)
	}
	return nil
}

func (d *binanceDecoder) snapshot(r *record, m *binanceMessage) error {
	if m.LastUpdateID == 0 {
		return errors.New("neither a stream's message nor a snapshot")
	}
	if d.symbol == "" {
		return errors.New("a snapshot before any stream's message: of which symbol?")
	}
	r.kind, r.symbol, r.last = recordSnapshot, d.symbol, m.LastUpdateID
	return appendBinanceLevels(r, m.Bids, m.Asks)
}

func parseBinanceDepth(r *record, data []byte) error {
	var m binanceDepth
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	if m.Last == 0 {
		return nil // a partial book, depth5 and the like, says nothing new
	}
	r.kind, r.first, r.last = recordDepth, m.First, m.Last
	return appendBinanceLevels(r, m.Bids, m.Asks)
}

func parseBinanceTrade(r *record, data []byte) error {
	var m binanceTrade
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	price, err := parseDecimal([]byte(m.Price), binanceExp)
	if err != nil {
		return fmt.Errorf("price %.32q: %w", m.Price, err)
	}
	qty, err := parseDecimal([]byte(m.Qty), binanceExp)
	if err != nil {
		return fmt.Errorf("quantity %.32q: %w", m.Qty, err)
	}
	r.kind, r.price, r.qty, r.side = recordTrade, wire.Price(price), wire.Qty(qty), wire.Sell
	if m.BuyerMaker {
		r.side = wire.Buy
	}
	return nil
}

func appendBinanceLevels(r *record, bids, asks [][2]string) error {
	for i, levels := range [2][][2]string{bids, asks} {
		side := wire.Buy + wire.Side(i)
		for _, l := range levels {
			price, err := parseDecimal([]byte(l[0]), binanceExp)
			if err != nil {
				return fmt.Errorf("price %.32q: %w", l[0], err)
			}
			qty, err := parseDecimal([]byte(l[1]), binanceExp)
			if err != nil || qty < 0 {
				return fmt.Errorf("quantity %.32q: %w", l[1], errNumber)
			}
			r.levels = append(r.levels, sideLevel{wire.Level{Price: wire.Price(price), Qty: wire.Qty(qty)}, side})
		}
	}
	return nil
}
