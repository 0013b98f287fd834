package server

import (
	"testing"

	"go.uber.org/goleak"
)

// Two goroutines of fasthttp outlive its servers: the cleaner of a worker pool
// sleeps for up to ten seconds before it sees that the pool was stopped, and
// the one that knows the date never ends.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}
