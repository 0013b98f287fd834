package main

import (
	"slices"
	"testing"
	"time"
)

func TestRest(t *testing.T) {
	var r rest
	var used time.Duration
	var due []int
	intervals := 0
	pass := func(n int, share float64) {
		for range n {
			used += time.Duration(share * float64(restTime))
			if intervals++; r.due(used) {
				due = append(due, intervals)
			}
		}
	}
	want := func(want ...int) {
		t.Helper()
		if !slices.Equal(due, want) {
			t.Errorf("due in intervals %v; want %v", due, want)
		}
		due, intervals = nil, 0
	}
	pass(10, 0.02)
	want() // it never did anything
	pass(3, 1.5)
	pass(3, 0.2) // neither
	pass(100, 0.01)
	want(7, 16, 46)
	pass(1, 0.5)
	pass(2, 0)
	pass(1, 0.5) // again
	pass(60, 0)
	want(2, 5, 14, 44)
}
