package torture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tickcast/wire"
)

const testTP = int64(1_700_000_000_000_000_000) // ns

// feigned is a server's half of a conversation: its books follow from their
// numbers, so that what it sends is right unless a test says otherwise.
type feigned struct {
	in  wire.Instrument
	enc *wire.Encoder
}

func newFeigned() *feigned {
	f := &feigned{in: wire.MustInstrument("AAA", "AAA", "USD", "0.01", "0.00001")}
	f.enc = wire.NewEncoder(&f.in)
	return f
}

// delta is what frame n changes: a level a side, which it removes at times.
func delta(n uint64) (bid, ask wire.Level) {
	qty := wire.Qty(n)
	if n%5 == 0 {
		qty = 0
	}
	return wire.Level{Price: wire.Price(1000 - n%17), Qty: qty}, wire.Level{Price: wire.Price(1010 + n%13), Qty: qty}
}

// levels is the book after frame n.
func levels(n uint64) (bids, asks []wire.Level) {
	put := func(side []wire.Level, l wire.Level, sign wire.Price) []wire.Level {
		side = slices.DeleteFunc(side, func(o wire.Level) bool { return o.Price == l.Price })
		if l.Qty > 0 {
			side = append(side, l)
		}
		slices.SortFunc(side, func(a, b wire.Level) int { return int(sign * (a.Price - b.Price)) })
		return side
	}
	for i := uint64(1); i <= n; i++ {
		bid, ask := delta(i)
		bids, asks = put(bids, bid, -1), put(asks, ask, 1)
	}
	return bids, asks
}

func (f *feigned) book(n uint64, snapshot bool) string {
	b := wire.BookFrame{Seq: n, First: n, Upd: n, TS: testTP, TP: testTP, Snapshot: snapshot}
	bids, asks := levels(n)
	if b.HasCRC = snapshot || n%50 == 0; b.HasCRC {
		b.CRC = f.enc.CRC(bids, asks)
	}
	if b.Bids, b.Asks = bids, asks; !snapshot {
		bid, ask := delta(n)
		b.Bids, b.Asks = []wire.Level{bid}, []wire.Level{ask}
	}
	return string(f.enc.AppendBook(nil, wire.JSON, &b))
}

// line is one message in words: "ack book 40", "delta 41", "gap book 42 50 slow".
func (f *feigned) line(text string) string {
	w := strings.Fields(text)
	n := func(i int) uint64 {
		if i >= len(w) {
			return 0
		}
		v, _ := strconv.ParseUint(w[i], 10, 64)
		return v
	}
	switch w[0] {
	case "hello":
		return fmt.Sprintf(`{"op":"hello","conn":"c","epoch":"%s","ts":1}`, w[1])
	case "ack": // epoch, then stream, number, r for recovered …
		b := wire.AppendSubscribed(nil, wire.RequestID("1"), 1, 1)
		for i := 2; i < len(w); i += 3 {
			b = wire.AppendSubscribedStream(b, i == 2, []byte(w[i]+".AAA"), w[1], n(i+1), w[i+2] == "r", "")
		}
		return string(wire.AppendSubscribedEnd(b, nil))
	case "snapshot", "delta":
		return f.book(n(1), w[0] == "snapshot")
	case "bbo":
		top := wire.Top{Bid: wire.Level{Price: 1000, Qty: wire.Qty(n(1))}}
		return string(f.enc.AppendBBO(nil, wire.JSON, &wire.BBOFrame{Seq: n(1), Top: top, TS: testTP, TP: testTP}))
	case "trade":
		return string(f.enc.AppendTrade(nil, wire.JSON, &wire.TradeFrame{Seq: n(1), ID: n(1), Price: 1000, Qty: 1, Side: wire.Buy, TS: testTP, TP: testTP}))
	case "gap":
		return string(wire.AppendGap(nil, []byte(w[1]+".AAA"), n(2), n(3), wire.GapReason(w[4])))
	case "conflated":
		return string(wire.AppendConflated(nil, n(1), 1, "slow"))
	case "beat":
		b := wire.AppendHeartbeatCursor(wire.AppendHeartbeat(nil, 0), true, []byte(w[1]+".AAA"), n(2))
		return string(wire.AppendHeartbeatEnd(b))
	}
	return text // a frame as it is
}

// session is a client of book, bbo and trade of AAA; a connection begins at
// each "connect" with a resume.
func session(script string) (*audit, *follower) {
	server := newFeigned()
	a := newAudit([]string{"AAA", "BBB"})
	f := newFollower(a, 3, []int32{a.id(channelBook, 0), a.id(channelBBO, 0), a.id(channelTrade, 0)})
	f.connected()
	how := resumeNone
	for text := range strings.SplitSeq(script, ";") {
		switch text = strings.TrimSpace(text); text {
		case "":
		case "connect", "connect since", "connect foreign":
			f.abandon()
			f.connected()
			how = map[string]resume{"connect": resumeNone, "connect since": resumeSince, "connect foreign": resumeForeign}[text]
		case "restart":
			a.restart = true
		case "reads":
			f.healthy = true
		default:
			f.take([]byte(server.line(text)), testTP/1000+5)
			if strings.HasPrefix(text, "hello") {
				f.subscribe(how, testTP/1000)
			}
		}
	}
	return a, f
}

// begun is the beginning of most conversations.
const begun = "hello k1; ack k1 book 40 - bbo 7 - trade 0 -; snapshot 40; bbo 7;"

// What the protocol allows is no violation.
func TestAuditAccepts(t *testing.T) {
	accepts := func(name, script string) {
		t.Helper()
		a, f := session(script)
		if a.total() > 0 {
			t.Errorf("%s: %v", name, a.kept)
		}
		if !f.settled() {
			t.Errorf("%s: not settled", name)
		}
	}
	var many strings.Builder
	for n := 41; n <= 260; n++ {
		fmt.Fprintf(&many, "delta %d;", n)
	}
	accepts("live", begun+many.String()+"bbo 8; trade 1; trade 2; beat trade 2; beat bbo 8")
	accepts("nothing published", "hello k1; ack k1 book 0 - bbo 0 - trade 0 -; snapshot 0; delta 1; bbo 1; trade 1")
	accepts("before the first frame", "hello k1; ack k1 book 0 - bbo 0 - trade 0 -;"+
		`{"stream":"book.AAA","seq":0,"type":"snapshot","first":0,"upd":0,"bids":[],"asks":[],"crc":0,"ts":0,"tp":0}`+"; delta 1")
	accepts("slow", begun+"delta 41; gap book 42 60 slow; snapshot 60; conflated 4; bbo 12; gap trade 1 9 slow; trade 10; delta 61")
	accepts("slow twice", begun+"gap book 41 45 slow; gap book 46 60 slow; snapshot 60")
	accepts("overload", begun+"gap book 41 45 overload; snapshot 45; delta 46")
	accepts("resumed", begun+"delta 41; connect since; hello k1; ack k1 book 41 r bbo 7 r trade 0 r; delta 42; trade 1; bbo 8")
	accepts("resumed, another value", begun+"connect since; hello k1; ack k1 book 40 r bbo 9 - trade 0 r; bbo 9; bbo 10")
	accepts("began anew", begun+"connect; hello k1; ack k1 book 45 - bbo 9 - trade 3 -; snapshot 45; bbo 9; trade 4; delta 46")
	accepts("foreign", begun+"connect foreign; hello k1; ack k1 book 45 - bbo 9 - trade 3 -; gap book 0 45 epoch; snapshot 45; gap trade 0 3 epoch; bbo 9; trade 4; delta 46")
	accepts("restarted", begun+"restart; connect since; hello k2; ack k2 book 5 - bbo 2 - trade 0 -; gap book 0 5 epoch; snapshot 5; gap trade 0 0 epoch; bbo 2")
	accepts("cut before the snapshot", "hello k1; ack k1 book 40 - bbo 7 - trade 0 -; connect since; hello k1; ack k1 book 44 - bbo 7 - trade 0 r; snapshot 44; bbo 7")
}

// Each kind of lie is found, and by the rule that names it.
func TestAuditFinds(t *testing.T) {
	server := newFeigned()
	replace := func(text, old, with string) string {
		t.Helper()
		out := strings.Replace(server.line(text), old, with, 1)
		if out == server.line(text) {
			t.Fatalf("%q has no %q", out, old)
		}
		return out
	}
	finds := func(name string, want Rule, script string) {
		t.Helper()
		a, _ := session(script)
		if a.counts[want] == 0 {
			t.Errorf("%s: no %v among %v", name, want, a.kept)
		}
		if a.total() > 1 {
			t.Errorf("%s: told more than once: %v", name, a.kept)
		}
	}
	finds("hole in a book", RuleGap, begun+"delta 41; delta 43")
	finds("hole in trades", RuleGap, begun+"trade 2")
	finds("hole in a state", RuleGap, begun+"bbo 9")
	finds("too little conflated", RuleGap, begun+"conflated 1; bbo 10")
	finds("twice", RuleGap, begun+"trade 1; trade 1")
	finds("state twice", RuleGap, begun+"bbo 7")
	finds("quiet hole", RuleGap, begun+"beat trade 1")
	finds("gap that begins late", RuleAnnounced, begun+"gap trade 2 5 slow; trade 6")
	finds("gap that begins early", RuleAnnounced, begun+"trade 1; gap trade 1 5 slow; trade 6")
	finds("gap of nothing", RuleAnnounced, begun+"gap trade 1 0 slow")
	finds("gap without a reason", RuleAnnounced, begun+"gap trade 1 5 epoch")
	finds("not recovered", RuleResume, begun+"connect since; hello k1; ack k1 book 45 - bbo 7 r trade 0 r; gap book 41 45 history; snapshot 45")
	finds("recovered from elsewhere", RuleResume, begun+"connect since; hello k1; ack k1 book 41 r bbo 7 r trade 0 r")
	finds("recovered in part", RuleGap, begun+"connect since; hello k1; ack k1 book 40 r bbo 7 r trade 0 r; delta 42")
	finds("recovered unasked", RuleResume, begun+"connect; hello k1; ack k1 book 40 r bbo 7 - trade 0 -; bbo 7")
	finds("foreign recovered", RuleResume, begun+"connect foreign; hello k1; ack k1 book 40 r bbo 7 - trade 0 -; bbo 7; gap trade 0 0 epoch")
	finds("foreign without a gap", RuleResume, begun+"connect foreign; hello k1; ack k1 book 45 - bbo 7 - trade 0 -; snapshot 45; gap trade 0 0 epoch")
	finds("foreign with a number", RuleResume, begun+"connect foreign; hello k1; ack k1 book 45 - bbo 7 - trade 0 -; gap book 41 45 history; snapshot 45; gap trade 0 0 epoch")
	finds("crc of a snapshot", RuleBook, "hello k1; ack k1 book 40 - bbo 7 - trade 0 -;"+replace("snapshot 40", `"crc":`, `"crc":1`)+"; bbo 7")
	finds("another level", RuleBook, "hello k1; ack k1 book 49 - bbo 7 - trade 0 -; snapshot 49;"+replace("delta 50", `"bids":[[`, `"bids":[["9.99","7.00000"],[`)+"; bbo 7")
	finds("crossed", RuleBook, begun+replace("delta 41", `"bids":[["9.93"`, `"bids":[["19.93"`))
	finds("update missing", RuleBook, begun+replace("delta 41", `"upd":41`, `"upd":42`))
	finds("no crc", RuleProtocol, "hello k1; ack k1 book 49 - bbo 7 - trade 0 -; snapshot 49;"+replace("delta 50", `"crc":`, `"ts":`))
	finds("foreign stream", RuleForeign, begun+replace("trade 1", "trade.AAA", "trade.BBB"))
	finds("unknown stream", RuleForeign, begun+replace("trade 1", "trade.AAA", "order.AAA"))
	finds("gap of a foreign stream", RuleForeign, begun+replace("gap trade 1 5 slow", "AAA", "BBB"))
	finds("no snapshot", RuleProtocol, "hello k1; ack k1 book 40 - bbo 7 - trade 0 -; delta 41")
	finds("snapshot unasked", RuleProtocol, begun+"snapshot 41")
	finds("snapshot of another number", RuleProtocol, "hello k1; ack k1 book 40 - bbo 7 - trade 0 -; snapshot 41")
	finds("before the acknowledgement", RuleProtocol, "hello k1; trade 1")
	finds("acknowledged in part", RuleProtocol, "hello k1; ack k1 book 40 - bbo 7 -")
	finds("no frame", RuleProtocol, begun+"{}")
	finds("error", RuleProtocol, begun+`{"op":"error","code":"internal","message":"x"}`)
	finds("another epoch", RuleProtocol, begun+"connect; hello k2")
	finds("no tp", RuleProtocol, begun+replace("trade 1", `,"tp":`, `,"tx":`))
	finds("gap at a reader", RuleHealthy, "reads;"+begun+"gap trade 1 5 slow")
	finds("conflated at a reader", RuleHealthy, "reads;"+begun+"conflated 1; bbo 9")
}

// The bytes of a number are the same for all clients, live and replayed.
func TestAuditComparesBytes(t *testing.T) {
	server := newFeigned()
	a := newAudit([]string{"AAA"})
	take := func(number int, texts ...string) {
		f := newFollower(a, number, []int32{a.id(channelTrade, 0)})
		f.connected()
		f.take([]byte(server.line("hello k1")), 0)
		f.subscribe(resumeNone, 0)
		f.take([]byte(server.line("ack k1 trade 0 -")), 0)
		for _, text := range texts {
			f.take([]byte(text), 0)
		}
	}
	one, two := server.line("trade 1"), server.line("trade 2")
	take(1, one, two)
	take(2, one, two)
	if a.total() > 0 || a.tally.Compared != 2 {
		t.Errorf("%d compared, %v", a.tally.Compared, a.kept)
	}
	take(3, one, strings.Replace(two, "buy", "sell", 1))
	if a.counts[RuleBytes] != 1 || a.total() != 1 {
		t.Error(a.kept)
	}
}

// At the end a client that has all equals a new one, and one that was told of
// more conflated frames than it missed does not.
func TestDiffers(t *testing.T) {
	differs := func(script, want string) {
		t.Helper()
		_, reference := session("hello k1; ack k1 book 42 - bbo 9 - trade 3 -; snapshot 42; bbo 9")
		_, f := session(script)
		if got := f.differs(reference); (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q; want %q", script, got, want)
		}
	}
	const most = begun + "delta 41; trade 1; trade 2; trade 3;"
	differs(most+"delta 42; bbo 8; bbo 9", "")
	differs(most+"delta 42; conflated 1; bbo 9", "")
	differs(most+"delta 42; conflated 2; bbo 9", "1 frames were announced")
	differs(most+"bbo 8; bbo 9", "book.AAA: had up to 41")
	differs(most+"gap book 42 42 slow; bbo 8; bbo 9", "wait for their state")
}
