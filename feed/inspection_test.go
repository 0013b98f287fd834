package feed

import (
	"fmt"
	"testing"

	"tickcast/wire"
)

// TestInspection asks shards of many sessions what they serve.
func TestInspection(t *testing.T) {
	st := newStage(t, 2)
	idle := st.open(Options{Remote: "idle"}, unlimited)
	slow := st.open(Options{Remote: "slow", Quiet: true, TLS: true}, unlimited)
	idle.subscribe("bbo.*", "trade.S0")
	slow.subscribe("book.S0", "bbo.S0")
	slow.room = 0
	st.move(0, 1)
	st.round()
	st.wait(3e9)
	list := st.shard.appendSessions(nil, []*session{idle.m, slow.m})
	got := list[1]
	if got.Conn != slow.m.conn() || got.Remote != "slow" || !got.TLS || got.Since != stageBegin || got.Entries != 2 || got.Streams != 2 ||
		got.UnsentBytes == 0 || got.UnsentAge != 3e9 || got.BytesOut == 0 || got.BytesIn == 0 {
		t.Errorf("%+v", got)
	}
	if got := list[0]; got.Entries != 2 || got.Streams != 3 || got.UnsentBytes != 0 || got.UnsentAge != 0 {
		t.Errorf("%+v", got)
	}
	if total := st.shard.total(); total.Slow != 1 || total.UnsentAge < 2e9 {
		t.Errorf("%d slow, %d ns", total.Slow, total.UnsentAge)
	}
	streams := make(map[wire.StreamID]int)
	if next := st.shard.countSessions(streams, 0); next != -1 {
		t.Errorf("go on at %d", next)
	}
	dir, names := st.hub.listings.Load(), make(map[string]int)
	for id, n := range streams {
		names[string(dir.name(nil, id))] = n
	}
	if want := "map[bbo.S0:2 bbo.S1:1 book.S0:1 trade.S0:1]"; fmt.Sprint(names) != want {
		t.Errorf("%v; want %s", names, want)
	}
}
