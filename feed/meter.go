package feed

// meter is a token bucket whose tokens are ns of credit: the instant at which
// all that was taken is paid for (the generic cell rate algorithm). The zero
// meter is full, and 8 bytes: it sits in every session.
type meter int64

// take takes what costs so much, whether the bucket holds it or not.
func (m *meter) take(now, cost int64) { *m = meter(max(int64(*m), now) + cost) }

// spend takes what costs so much, unless a bucket of burst does not hold it.
func (m *meter) spend(now, cost, burst int64) bool {
	if m.wait(now, burst-cost) > 0 {
		return false
	}
	m.take(now, cost)
	return true
}

// wait returns how long it is until a bucket of burst is in credit again, 0 if
// it is.
func (m *meter) wait(now, burst int64) int64 { return max(int64(*m)-now-burst, 0) }

// full reports whether nothing was taken that is not paid for.
func (m *meter) full(now int64) bool { return int64(*m) <= now }
