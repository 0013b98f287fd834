package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Admin speaks to the admin listener of a server of this machine.
type Admin struct {
	base string
	http http.Client
}

// adminTimeout bounds a request: a server that is busy with a million
// deliveries a second still answers within it.
const adminTimeout = 10 * time.Second

// NewAdmin returns the admin listener at http://host:port. It connects to
// nothing yet. End it with Close.
func NewAdmin(ctx context.Context, raw string) (*Admin, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	if u.Scheme != "http" || u.Host == "" {
		return nil, fmt.Errorf("bench: admin URL %q must be http://host:port", raw)
	}
	if _, err := loopback(ctx, u); err != nil {
		return nil, fmt.Errorf("bench: %s: %w", u.Host, err)
	}
	transport := &http.Transport{DisableCompression: true} // no proxy
	return &Admin{
		base: strings.TrimSuffix(raw, "/"),
		http: http.Client{Transport: transport, Timeout: adminTimeout},
	}, nil
}

// Close closes idle connections.
func (a *Admin) Close() { a.http.CloseIdleConnections() }

// SetRate has the load source publish at rate (ticks per second, 0 stops) and
// returns the ticks published since the rate was last set.
func (a *Admin) SetRate(ctx context.Context, rate float64) (published int64, err error) {
	body, err := a.Get(ctx, "/v1/load?rate="+strconv.FormatFloat(rate, 'f', -1, 64))
	if err != nil {
		return 0, fmt.Errorf("bench: set rate %v: %w", rate, err)
	}
	var answer struct {
		Published *int64 `json:"published"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, fmt.Errorf("bench: set rate %v: %.100q: %w", rate, body, err)
	}
	if answer.Published == nil {
		return 0, fmt.Errorf("bench: set rate %v: %.100q does not say how many ticks were published", rate, body)
	}
	return *answer.Published, nil
}

// answerBytesMax bounds an answer; the longest are metrics, some 20 kB.
const answerBytesMax = 1 << 20

// Get returns the body of a path's answer. A status other than 200 is an error.
func (a *Admin) Get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := a.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerBytesMax))
	if err != nil {
		return nil, err
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusNotFound:
		return nil, errors.New("HTTP 404: is this the admin address of `serve --source load`?")
	}
	return nil, fmt.Errorf("HTTP %s: %.200s", resp.Status, body)
}
