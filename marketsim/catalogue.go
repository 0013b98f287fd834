package marketsim

import "tickcast/wire"

// listing is an entry of the catalogue: an instrument as its exchange would
// list it, and how it trades. Text, because decimals live at the edges only.
type listing struct {
	symbol, base, quote string
	sector              string
	tick, lot           string
	price               string // where the session opens, give or take half a per cent
	unit                string // a round quantity, the median of an order's
	spreadTicks         int    // mean
	changes             int    // book changes in 1,000 s of market time
	trades              int    // trades in 1,000 s of market time
	steady              uint   // set by the preset
	orders              int    // that rest, set by the configuration
}

// listed is the catalogue, busiest first. Prices are plausible, not current:
// everything here is simulated.
var listed = [...]listing{
	{"BTCUSDT", "BTC", "USDT", "coins", "0.10", "0.00001", "25360.00", "0.01", 14, 102_000, 5_000, 0, 0},
	{"ETHUSDT", "ETH", "USDT", "platforms", "0.01", "0.0001", "1735.50", "0.1", 9, 88_000, 4_600, 0, 0},
	{"SOLUSDT", "SOL", "USDT", "platforms", "0.001", "0.01", "21.480", "5", 6, 76_000, 4_200, 0, 0},
	{"XRPUSDT", "XRP", "USDT", "payments", "0.0001", "0.1", "0.5125", "200", 2, 66_000, 3_800, 0, 0},
	{"BNBUSDT", "BNB", "USDT", "platforms", "0.01", "0.001", "240.60", "0.5", 8, 58_000, 3_500, 0, 0},
	{"DOGEUSDT", "DOGE", "USDT", "coins", "0.00001", "1", "0.07240", "1000", 2, 51_000, 3_300, 0, 0},
	{"ADAUSDT", "ADA", "USDT", "platforms", "0.0001", "0.1", "0.2890", "400", 1, 45_000, 3_100, 0, 0},
	{"LTCUSDT", "LTC", "USDT", "coins", "0.01", "0.001", "90.25", "1", 3, 40_000, 2_900, 0, 0},
	{"LINKUSDT", "LINK", "USDT", "payments", "0.001", "0.01", "6.245", "20", 3, 36_000, 2_700, 0, 0},
	{"AVAXUSDT", "AVAX", "USDT", "platforms", "0.001", "0.01", "14.260", "10", 5, 33_000, 2_600, 0, 0},
}

// SymbolsDefault is the length of the catalogue. Instruments beyond it are
// generated.
const SymbolsDefault = len(listed)

// SymbolsMax bounds Config.Symbols: as many names as generated can make. Their
// books take 120 MB.
const SymbolsMax = 4096

// instrument returns the wire form of the listing.
func (l *listing) instrument() (wire.Instrument, error) {
	return wire.NewInstrument(l.symbol, l.base, l.quote, l.tick, l.lot)
}

// listingAt returns the listing with the given index, a pure function of it.
func listingAt(index int) listing {
	if index < len(listed) {
		return listed[index]
	}
	return generated(index)
}

// The parts of generated names: SymbolsMax combinations, none of which spells
// a listed asset.
var (
	onsets  = [...]string{"B", "C", "D", "F", "G", "K", "L", "M", "N", "P", "R", "S", "T", "V", "X", "Z"}
	vowels  = [...]string{"A", "E", "I", "O", "U", "Y", "AI", "EO"}
	codas   = [...]string{"R", "N", "LD", "RN", "S", "D", "M", "TH"}
	endings = [...]string{"", "A", "O", "I"}
)

// sectors of generated instruments.
var sectors = [...]string{"coins", "platforms", "payments", "lending", "storage", "games"}

const names = len(onsets) * len(vowels) * len(codas) * len(endings)

// scale is a price range of generated instruments with ticks and lots that an
// exchange would choose for it. Prices are 10,000 to 42,767 ticks.
type scale struct {
	tick, lot, unit string
	decimals        int
}

var scales = [...]scale{
	{"0.00001", "1", "1000", 5},
	{"0.0001", "0.1", "300", 4},
	{"0.001", "0.01", "20", 3},
	{"0.01", "0.001", "1", 2},
	{"0.1", "0.0001", "0.1", 1},
}

// generated returns the listing of an index beyond the catalogue. Activity
// falls slowly with the index, to 20 changes and 2 trades a second.
func generated(index int) listing {
	h := mix(uint64(index) * golden)
	// The multiplier is odd and names a power of two: a permutation.
	n := index * 2731 % names
	base := onsets[n%len(onsets)]
	n /= len(onsets)
	base += vowels[n%len(vowels)]
	n /= len(vowels)
	base += codas[n%len(codas)] + endings[n/len(codas)]
	sc := scales[h%uint64(len(scales))]
	ticks := 10_000 + int64(h>>32&0x7fff)
	busy := 320_000 / (index + 10)
	return listing{
		symbol: base + "USDT", base: base, quote: "USDT", sector: sectors[h>>8%uint64(len(sectors))],
		tick: sc.tick, lot: sc.lot, unit: sc.unit,
		price:       decimalText(ticks, sc.decimals),
		spreadTicks: 2 + int(h>>16&7),
		changes:     20_000 + busy/2,
		trades:      2_000 + busy/40,
	}
}

// decimalText prints units of 10^-decimals.
func decimalText(units int64, decimals int) string {
	digits := make([]byte, 0, 24)
	for i := 0; units > 0 || i <= decimals; i++ {
		if i == decimals && decimals > 0 {
			digits = append(digits, '.')
		}
		digits = append(digits, byte('0'+units%10))
		units /= 10
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return string(digits)
}
