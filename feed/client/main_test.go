package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testHello = `{"op":"hello","conn":"c1","epoch":"k7","ts":1,"heartbeat":15,"limits":{},"formats":["json","sbe"],` +
	`"clock":{"base":0,"speed":1,"market":100,"wall":5000},"faults":[],"features":["controls"],"server":"fake/1"}`

// serve runs a server whose every connection is handled by talk, after the
// hello, and returns its ws URL.
func serve(t *testing.T, talk func(*websocket.Conn, *http.Request)) string {
	t.Helper()
	var upgrader websocket.Upgrader
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		if ws.WriteMessage(websocket.TextMessage, []byte(testHello)) == nil {
			talk(ws, r)
		}
	}))
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

// dial connects to url and closes the connection when the test ends.
func dial(t *testing.T, cfg Config) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func next(t *testing.T, c *Conn) Frame {
	t.Helper()
	f, err := c.Next()
	if err != nil {
		t.Fatal(err)
	}
	return f
}
