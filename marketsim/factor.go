package marketsim

// sliceNanos is the grain of what symbols share: at the edges of slices of
// market time the factors move them together, and the hour of the day sets
// their activity. Fine enough that shared moves look like others.
const sliceNanos = 100_000_000

// market is what a symbol shares with others: a factor of all symbols, one of
// its sector, and how nervous everybody is. Every symbol steps its own copy,
// which depends on the seed and the slice only, so that symbols advance without
// waiting for each other.
type market struct {
	edge        int64 // market time of the next edge of a slice
	all, sector random
	mood        random
	calm        wander
}

// next moves to the next slice. It returns the shocks of the two factors, of
// deviation 1, Q16.
func (m *market) next() (all, sector int64) {
	m.edge += sliceNanos
	m.calm.step(calmBits, m.mood.normal()*calmStep)
	return m.all.normal(), m.sector.normal()
}

// hours is the activity at the beginning of each hour since the session's
// start, in per mille of the listed one; between them it is interpolated. The
// day begins and ends at par.
var hours = [24]uint64{
	1000, 950, 900, 860, 820, 800, 820, 860, 910, 960, 1010, 1070,
	1150, 1240, 1300, 1280, 1210, 1140, 1080, 1040, 1000, 960, 950, 970,
}

const (
	hourNanos = 3600 * 1_000_000_000
	dayNanos  = int64(len(hours)) * hourNanos
)

// activityAt returns the intraday curve at a market time, in units of 2^-16.
func activityAt(at int64) uint64 {
	at %= dayNanos
	hour, into := at/hourNanos, uint64(at%hourNanos)>>20
	from, to := hours[hour], hours[(hour+1)%int64(len(hours))]
	perMille := (from*(hourNanos>>20-into) + to*into) << 16 / (hourNanos >> 20)
	return perMille / 1000
}
