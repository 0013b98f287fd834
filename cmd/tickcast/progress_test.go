package main

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var out bytes.Buffer
		p := newProgress(&out, "commands")
		steps := func(n int) (err error) {
			for range n {
				err = errors.Join(err, p.step(ctx, func() int { return 40 }))
			}
			return err
		}
		if err := steps(progressEvery); err != nil || out.Len() > 0 {
			t.Fatalf("within a second: %q, %v", out.String(), err)
		}
		time.Sleep(2 * time.Second)
		if err := steps(progressEvery); err != nil || out.String() != "\r32768 commands (40 %), 16384/s " {
			t.Fatalf("%q, %v", out.String(), err)
		}
		cancel()
		if p.add(1) {
			t.Fatal("due again within a second")
		}
		time.Sleep(2 * time.Second)
		if !p.add(1) {
			t.Fatal("not due after two seconds")
		}
		time.Sleep(time.Second)
		if err := steps(progressEvery); !errors.Is(err, context.Canceled) {
			t.Fatalf("after the end of the context: %v", err)
		}
	})
}
