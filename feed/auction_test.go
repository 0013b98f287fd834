package feed

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

var rewrite = flag.Bool("rewrite", false, "record testdata anew")

// script plays lines of a text scenario on symbol 0 and writes what everybody
// hears of it, transaction by transaction, in order:
//
//	buy|sell price qty   an order
//	cancel n             of the n-th order
//	state word [reason]  trading, pre_open, auction, halt, closed; band is the reason
//	advance ms           market time runs
//	join                 somebody subscribes: the last values and snapshots
type script struct {
	st  *stage
	ear *teller
	ids []uint64
}

// teller writes down every frame.
type teller struct {
	ear
	lines []string
}

func (t *teller) Packet(_ Packet, payload []byte) { t.lines = append(t.lines, string(payload)) }

var scriptSlots = []wire.Channel{
	wire.ChannelTrade, wire.ChannelOrder, wire.ChannelBook, wire.ChannelDepth5, wire.ChannelBBO,
	wire.ChannelCandle1m, wire.ChannelTicker, wire.ChannelStatus,
}

func newScript(t *testing.T) *script {
	s := &script{st: newStage(t, 1)}
	s.ear = &teller{}
	a := &attachment{shard: s.st.hub.addInbox(s.ear), dialect: wire.JSON, wall: s.st.now, version: s.st.hub.listings.Load().version}
	for _, c := range scriptSlots {
		a.wants = append(a.wants, want{stream: wire.NewStreamID(0, c)})
	}
	if !s.st.hub.attach(a) {
		t.Fatal("attach")
	}
	return s
}

// play carries out a line, and returns the frames that it caused.
func (s *script) play(line string) []string {
	st, f := s.st, strings.Fields(line)
	number := func(i int) (n int64) {
		if _, err := fmt.Sscan(f[i], &n); err != nil {
			st.t.Fatalf("%s: %v", line, err)
		}
		return n
	}
	s.ear.lines = nil
	switch f[0] {
	case "buy", "sell":
		side := wire.Buy
		if f[0] == "sell" {
			side = wire.Sell
		}
		s.ids = append(s.ids, st.enter(0, side, wire.Price(number(1)), wire.Qty(number(2))))
		st.publish()
	case "cancel":
		st.batch.Events = st.books[0].Cancel(st.batch.Events, s.ids[number(1)-1])
		st.batch.Commit(0, st.now-stageBegin)
		st.publish()
	case "state":
		from := len(st.batch.Events)
		for state := wire.StateTrading; state <= wire.StateClosed; state++ {
			if state.String() == f[1] {
				st.batch.Events = st.books[0].SetState(st.batch.Events, state)
			}
		}
		if len(f) > 2 {
			st.batch.Events[from].Reason = wire.ReasonBand
		}
		st.batch.Commit(0, st.now-stageBegin)
		st.publish()
	case "advance":
		st.now += number(1) * 1e6
		st.hub.Advance(st.now-stageBegin, st.now)
	case "join":
		p := st.open(Options{}, unlimited)
		var names []string
		for _, c := range scriptSlots {
			names = append(names, c.String()+".S0")
		}
		p.subscribe(names...)
		return texts(p.frames(), `"tp":`)
	default:
		st.t.Fatalf("unknown line %q", line)
	}
	return s.ear.lines
}

// Text scenarios: each line with the frames that it causes.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := newScript(t)
			var got strings.Builder
			for line := range strings.SplitSeq(strings.TrimSpace(string(b)), "\n") {
				switch {
				case strings.HasPrefix(line, "{"): // recorded, to be made again
				case line == "" || strings.HasPrefix(line, "#"):
					fmt.Fprintln(&got, line)
				default:
					fmt.Fprintln(&got, line)
					for _, frame := range s.play(line) {
						fmt.Fprintln(&got, frame)
					}
				}
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(b), got.String()); diff != "" && !*rewrite {
				t.Fatalf("(-recorded +got; -rewrite records)\n%s", diff)
			}
		})
	}
}
