package wire

import (
	"math"
	"strconv"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"
)

func TestAppendDecimal(t *testing.T) {
	f := func(units int64, scale uint8, want string) {
		t.Helper()
		if got := string(AppendDecimal([]byte("x"), units, scale)); got != "x"+want {
			t.Errorf("AppendDecimal(%d, %d): got %s; want x%s", units, scale, got, want)
		}
		if got := decimalBytes(units, scale); got != len(want) {
			t.Errorf("decimalBytes(%d, %d): got %d; want %d", units, scale, got, len(want))
		}
	}
	f(0, 0, "0")
	f(0, 2, "0.00")
	f(5, 0, "5")
	f(5, 2, "0.05")
	f(-5, 2, "-0.05")
	f(2535190, 2, "25351.90")
	f(99999999, 7, "9.9999999")
	f(99999999, 1, "9999999.9")
	f(99999999, 8, "0.99999999")
	f(100000000, 7, "10.0000000")
	f(31200, 5, "0.31200")
	f(9999999999999999, 8, "99999999.99999999")
	f(10000000000000000, 8, "100000000.00000000")
	f(1, ScaleMax, "0.000000000000000001")
	f(1, 25, "0.0000000000000000000000001")
	f(math.MaxInt64, 0, "9223372036854775807")
	f(math.MinInt64, 0, "-9223372036854775808")
	f(math.MinInt64, 18, "-9.223372036854775808")
	f(math.MinInt64, 19, "-0.9223372036854775808")
}

// anyUnits draws numbers of every length.
func anyUnits() *rapid.Generator[int64] {
	return rapid.Custom(func(t *rapid.T) int64 {
		return rapid.Int64().Draw(t, "bits") >> rapid.IntRange(0, 63).Draw(t, "shift")
	})
}

func TestAppendDecimalAgainstDecimal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units, scale := anyUnits().Draw(t, "units"), rapid.Uint8Range(0, 30).Draw(t, "scale")
		want := decimal.New(units, -int32(scale)).StringFixed(int32(scale))
		if got := string(AppendDecimal(nil, units, scale)); got != want {
			t.Fatalf("got %s; want %s", got, want)
		}
	})
}

func TestAppendUintAgainstStrconv(t *testing.T) {
	check := func(v uint64) {
		t.Helper()
		if got, want := string(appendUint(nil, v)), strconv.FormatUint(v, 10); got != want {
			t.Fatalf("got %s; want %s", got, want)
		}
	}
	for power := uint64(1); ; power *= 10 {
		for d := range uint64(3) {
			check(power - 1 + d)
		}
		if power > math.MaxUint64/10 {
			break
		}
	}
	for v := range uint64(20000) {
		check(v)
		check(v * 9973)
	}
	check(math.MaxUint64)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Uint64().Draw(t, "v")
		if got, want := string(appendUint(nil, v)), strconv.FormatUint(v, 10); got != want {
			t.Fatalf("got %s; want %s", got, want)
		}
	})
}

func BenchmarkAppendDecimal(b *testing.B) {
	dst := make([]byte, 0, 64)
	run := func(name string, units int64, scale uint8) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendDecimal(dst[:0], units, scale)
			}
		})
	}
	run("price", 2535190, 2)
	run("long", 12345678901234, 8)
	run("negative", -31200, 5)
}
