// Package report prints the stylised facts of a simulated market, as text, as
// JSON, and as a page with pictures that needs nothing but itself.
//
// It is a package of its own because of the plotting library, which a market
// does not need. Everything here is a pure function of what was measured.
package report
