package orderbook_test

import (
	"fmt"

	"tickcast/orderbook"
	"tickcast/wire"
)

// A command's events are one batch for L1, L2 and L3.
func ExampleBook_Enter() {
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch []wire.Event
	batch = book.Enter(batch, &orderbook.Order{ID: 1, Type: orderbook.Limit, Side: wire.Sell, Qty: 10, Price: 100})
	batch = book.Enter(batch, &orderbook.Order{ID: 2, Type: orderbook.Limit, Side: wire.Buy, Qty: 4, Price: 101})
	fmt.Print(string(orderbook.AppendReports(nil, 0, batch)))
	fmt.Print(string(orderbook.AppendTop(nil, 0, book.Top())))
	// Output:
	// accepted,0,1
	// accepted,0,2
	// trade,0,100,4,1,2
	// top,0,-,0,100,6
}

// A second book follows the first by its L3 events, without matching.
func ExampleBook_Apply() {
	book, _ := orderbook.New(orderbook.Config{OutsideIDs: true})
	image, _ := orderbook.New(orderbook.Config{OutsideIDs: true})
	events := book.Enter(nil, &orderbook.Order{ID: 7, Type: orderbook.Iceberg, Side: wire.Buy, Qty: 10, Display: 3, Price: 99})
	for i := range events {
		if err := image.Apply(&events[i]); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(image.AppendOrders(nil, wire.Buy))
	// Output:
	// [{7 buy 99 3}]
}
