package marketsim_test

import (
	"fmt"

	"tickcast/marketsim"
	"tickcast/wire"
)

func Example() {
	sim, err := marketsim.New(marketsim.Config{Seed: 1, Symbols: 1})
	if err != nil {
		panic(err)
	}
	bitcoin := sim.Instruments()[0]
	var batch wire.Batch
	sim.Step(&batch, 0, 1000) // the opening book
	opening := len(batch.Txns)
	now := sim.Step(&batch, 60e9, 100_000)
	fmt.Println(bitcoin.Symbol, "opens with", opening, "orders; after", now/1e9, "s it has traded:", traded(&batch))
	// Output: BTCUSDT opens with 491 orders; after 60 s it has traded: true
}

func traded(b *wire.Batch) bool {
	for i := range b.Events {
		if b.Events[i].Kind == wire.EventTrade {
			return true
		}
	}
	return false
}

func ExamplePacer() {
	const wall = 1_700_000_000_000_000_000
	pacer, err := marketsim.NewPacer(wall, 2)
	if err != nil {
		panic(err)
	}
	fmt.Println("due after a second:", pacer.Due(wall+1e9))
	pacer.Slip(wall+1e9, 1.5e9) // only so far: the clock falls back
	fmt.Println("due after two:", pacer.Due(wall+2e9))
	// Output:
	// due after a second: 2000000000
	// due after two: 3500000000
}
