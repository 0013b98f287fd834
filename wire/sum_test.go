package wire

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func bigOf(s Sum) *big.Int {
	b := new(big.Int).Lsh(big.NewInt(s.Hi), 64)
	return b.Add(b, new(big.Int).SetUint64(s.Lo))
}

// sumOfBig returns b modulo 2^128.
func sumOfBig(b *big.Int) Sum {
	low := new(big.Int).And(b, new(big.Int).SetUint64(math.MaxUint64))
	high := new(big.Int).Rsh(b, 64)
	high.And(high, new(big.Int).SetUint64(math.MaxUint64))
	return Sum{Hi: int64(high.Uint64()), Lo: low.Uint64()}
}

var edgeSums = []Sum{
	{},
	SumOf(1), SumOf(-1), SumOf(math.MaxInt64), SumOf(math.MinInt64),
	{0, 1 << 63},
	{-1, 1<<63 - 1},
	{0, math.MaxUint64},
	{1, 0},
	{-1, 0},
	{1, 1},
	{-2, math.MaxUint64},
	{math.MaxInt64, math.MaxUint64},
	{math.MinInt64, 0},
	{math.MinInt64, 1},
}

// anySum draws totals of every length, and those where carries end.
func anySum() *rapid.Generator[Sum] {
	return rapid.OneOf(rapid.SampledFrom(edgeSums), rapid.Custom(func(t *rapid.T) Sum {
		s := Sum{Hi: rapid.Int64().Draw(t, "high"), Lo: rapid.Uint64().Draw(t, "low")}
		return sumOfBig(new(big.Int).Rsh(bigOf(s), rapid.UintRange(0, 127).Draw(t, "shift")))
	}))
}

func TestSumAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, o := anySum().Draw(t, "s"), anySum().Draw(t, "o")
		a, b := anyUnits().Draw(t, "a"), anyUnits().Draw(t, "b")
		equal(t, s, sumOfBig(bigOf(s)))
		equal(t, big.NewInt(a).String(), bigOf(SumOf(a)).String())
		equal(t, sumOfBig(new(big.Int).Add(bigOf(s), bigOf(o))), s.Add(o))
		equal(t, sumOfBig(new(big.Int).Sub(bigOf(s), bigOf(o))), s.Sub(o))
		equal(t, sumOfBig(new(big.Int).Neg(bigOf(s))), s.Neg())
		equal(t, bigOf(s).Sign(), s.Sign())
		product := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		equal(t, product.String(), bigOf(Product(a, b)).String())
	})
}

func TestProductOfExtremes(t *testing.T) {
	extremes := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64}
	for _, a := range extremes {
		for _, b := range extremes {
			want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
			equal(t, want.String(), bigOf(Product(a, b)).String())
		}
	}
}

// naiveDivRound is floor((2s + d) / 2d), within an int64.
func naiveDivRound(s, d Sum) int64 {
	if d == (Sum{}) {
		return 0
	}
	num, den := bigOf(s), bigOf(d)
	if den.Sign() < 0 {
		num.Neg(num)
		den.Neg(den)
	}
	num.Add(num.Lsh(num, 1), den)
	q := num.Div(num, den.Lsh(den, 1)) // rounds down, for the divisor is positive
	switch {
	case q.IsInt64():
		return q.Int64()
	case q.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

func TestDivRound(t *testing.T) {
	f := func(s, d Sum, want int64) {
		t.Helper()
		if got := s.DivRound(d); got != want {
			t.Errorf("%v / %v: got %d; want %d", bigOf(s), bigOf(d), got, want)
		}
	}
	f(SumOf(7), SumOf(2), 4)
	f(SumOf(-7), SumOf(2), -3)
	f(SumOf(7), SumOf(-2), -3)
	f(SumOf(-7), SumOf(-2), 4)
	f(SumOf(-8), SumOf(3), -3)
	f(SumOf(-7), SumOf(3), -2)
	f(SumOf(5), Sum{}, 0)
	f(Sum{}, SumOf(-5), 0)
	f(SumOf(math.MaxInt64), SumOf(1), math.MaxInt64)
	f(SumOf(math.MinInt64), SumOf(1), math.MinInt64)
	f(SumOf(math.MinInt64), SumOf(-1), math.MaxInt64)
	f(Sum{0, math.MaxUint64}, SumOf(2), math.MaxInt64)   // half of it rounds beyond
	f(Sum{0, math.MaxUint64}, SumOf(-2), -math.MaxInt64) // and below zero up
	f(Sum{1, 0}, SumOf(1), math.MaxInt64)
	f(Sum{-1, 0}, SumOf(1), math.MinInt64)
	f(Sum{1, 0}, SumOf(-2), math.MinInt64)
	f(Sum{1, 1 << 63}, Sum{1, 0}, 2)
	f(Sum{-2, 1 << 63}, Sum{1, 0}, -1)
}

func TestDivRoundAgainstNaive(t *testing.T) {
	check := func(t rapid.TB, s, d Sum) {
		t.Helper()
		if got, want := s.DivRound(d), naiveDivRound(s, d); got != want {
			t.Fatalf("%v / %v: got %d; want %d", bigOf(s), bigOf(d), got, want)
		}
	}
	for _, s := range edgeSums {
		for _, d := range edgeSums {
			check(t, s, d)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s, d := anySum().Draw(t, "s"), anySum().Draw(t, "d")
		check(t, s, d)
		// Around a multiple and around a half, if that is within a Sum.
		near := new(big.Int).Mul(bigOf(d), big.NewInt(anyUnits().Draw(t, "quotient")))
		if rapid.Bool().Draw(t, "half") {
			near.Add(near, new(big.Int).Rsh(bigOf(d), 1))
		}
		near.Add(near, big.NewInt(rapid.Int64Range(-1, 1).Draw(t, "beside")))
		if near.BitLen() < 128 {
			check(t, sumOfBig(near), d)
		}
	})
}

// naiveSum is the text of a total by math/big.
func naiveSum(s Sum, scale int) string {
	b := bigOf(s)
	digits := new(big.Int).Abs(b).String()
	digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
	text := digits[:len(digits)-scale]
	if scale > 0 {
		text += "." + digits[len(digits)-scale:]
	}
	if b.Sign() < 0 {
		return "-" + text
	}
	return text
}

func TestAppendSumAgainstBig(t *testing.T) {
	check := func(t rapid.TB, s Sum, scale int) {
		t.Helper()
		if got, want := string(AppendSum([]byte("x"), s, uint8(scale))), "x"+naiveSum(s, scale); got != want {
			t.Fatalf("%v, scale %d: got %s; want %s", bigOf(s), scale, got, want)
		}
	}
	for scale := range 2*ScaleMax + 1 {
		for _, s := range edgeSums {
			check(t, s, scale)
		}
		power := big.NewInt(1) // the lengths change at powers of ten
		for power.BitLen() < 127 {
			s := sumOfBig(power)
			for _, d := range []int64{-1, 0, 1} {
				check(t, s.Add(SumOf(d)), scale)
				check(t, s.Neg().Add(SumOf(d)), scale)
			}
			power.Mul(power, big.NewInt(10))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, anySum().Draw(t, "s"), rapid.IntRange(0, 2*ScaleMax).Draw(t, "scale"))
	})
}

func BenchmarkAppendSum(b *testing.B) {
	dst := make([]byte, 0, 64)
	run := func(name string, s Sum, scale uint8) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendSum(dst[:0], s, scale)
			}
		})
	}
	run("quantity", SumOf(31200), 5)
	run("within 64 bits", SumOf(791_394_128_000), 7)
	run("beyond", Product(2536520, 1<<50), 7)
}
