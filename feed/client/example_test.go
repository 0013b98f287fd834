package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"tickcast/feed/client"
)

// Print the best bid and ask of every symbol that begins with BTC.
func ExampleDial() {
	conn, err := client.Dial(context.Background(), client.Config{
		URL:     "ws://127.0.0.1:8080",
		Streams: []string{"bbo.BTC*"},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	for {
		frame, err := conn.Next()
		var closed *client.CloseError
		switch {
		case errors.As(err, &closed):
			log.Fatalf("closed with %v, come back: %t", closed.Code, closed.Retry())
		case err != nil:
			log.Fatal(err)
		case frame.Stream != "":
			fmt.Printf("%s %d %s\n", frame.Stream, frame.Seq, frame.Raw)
		}
	}
}

// Scan finds in a frame what every client needs, without parsing the rest.
func ExampleScan() {
	head, ok := client.Scan([]byte(`{"stream":"trade.BTCUSDT","seq":88,"id":12345,"price":"25365.20","ts":1700000000000000,"tp":1700000000000120}`))
	fmt.Printf("%t %s %d %d\n", ok, head.Stream, head.Seq, head.TP-head.TS)
	// Output: true trade.BTCUSDT 88 120
}
