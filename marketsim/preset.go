package marketsim

import "fmt"

// Preset is how a market trades. The zero Preset is PresetCrypto.
type Preset uint8

// The presets.
const (
	PresetCrypto    Preset = iota + 1 // the catalogue as it is listed
	PresetSmallTick                   // a spread of 20 ticks, like AAPL in 2012
	PresetLargeTick                   // a spread of one tick most of the time, long queues
	PresetIlliquid                    // wide, thin and quiet
)

var presetNames = [...]string{"", "crypto", "small-tick", "large-tick", "illiquid"}

// String returns the preset's name as it stands on command lines.
func (p Preset) String() string {
	if p == 0 {
		p = PresetCrypto
	}
	if int(p) < len(presetNames) {
		return presetNames[p]
	}
	return "invalid"
}

// ParsePreset returns the preset of a name, or an error that wraps ErrConfig.
func ParsePreset(name string) (Preset, error) {
	for p := PresetCrypto; int(p) < len(presetNames); p++ {
		if presetNames[p] == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("%w: no preset %.32q", ErrConfig, name)
}

// correlations returns how symbols move together under the preset.
func (p Preset) correlations() correlations {
	if p == PresetIlliquid {
		return correlations{market: 65536 * 15 / 100, sector: 65536 * 10 / 100}
	}
	return correlations{market: 65536 * 30 / 100, sector: 65536 * 20 / 100}
}

// apply changes a listing to how it trades under the preset.
func (p Preset) apply(l *listing) {
	switch p {
	default:
		// Whoever watches for a minute sees the rate that is listed.
		l.steady = 2
	case PresetSmallTick:
		l.spreadTicks = 20
	case PresetLargeTick:
		l.spreadTicks = 1
		l.trades = l.trades * 8 / 5 // more makers at a price
	case PresetIlliquid:
		l.steady = 2
		l.spreadTicks *= 8
		l.changes /= 8
		l.trades /= 10
	}
}
