// Package export writes the tapes of a market in formats that others read:
// ndjson, csv, Parquet, LOBSTER, and the project's own tape.
//
// It is a package of its own because of Parquet's library, which a market does
// not need. A Writer belongs to one goroutine. It buffers: what was written is
// on its way only after Close, whose error must be looked at.
//
// # What a line is
//
// In ndjson a line is a transaction: what one command did to one book, with
// everything that it set off. csv and Parquet have a row for each event of a
// transaction, numbered by it; LOBSTER has one for each change of an order.
// Prices and quantities are decimal numbers in text, decimals with eight
// places in Parquet, integers in LOBSTER. Times are nanoseconds of market time.
package export
