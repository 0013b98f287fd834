package server

import (
	"testing"

	"go.uber.org/goleak"
)

// The cleaner of fasthttp's worker pool sleeps for up to ten seconds before it
// sees that the pool was stopped.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}
