package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestAppendFrameHeader(t *testing.T) {
	f := func(op Opcode, payload int, want ...byte) {
		t.Helper()
		got := AppendFrameHeader([]byte("x"), op, payload)
		if !bytes.Equal(got[1:], want) || FrameHeaderSize(payload) != len(want) {
			t.Errorf("%v of %d bytes: got % x, size %d; want % x", op, payload, got[1:], FrameHeaderSize(payload), want)
		}
	}
	f(OpcodePong, 0, 0x8a, 0)
	f(OpcodeText, 125, 0x81, 125)
	f(OpcodeText, 126, 0x81, 126, 0, 126)
	f(OpcodeBinary, 0xffff, 0x82, 126, 0xff, 0xff)
	f(OpcodeText, 0x10000, 0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0)
	f(OpcodeText, FrameBytesMax, 0x81, 127, 0, 0, 0, 0, 0, 8, 0, 0)
}

func TestAppendCloseFrame(t *testing.T) {
	f := func(code CloseCode, reason, want string) {
		t.Helper()
		got := AppendCloseFrame(nil, code, reason)
		if got[0] != 0x88 || int(got[1]) != len(got)-2 || len(got) > 127 {
			t.Fatalf("bad frame % x", got)
		}
		if code == 0 {
			equal(t, 2, len(got))
			return
		}
		equal(t, code, CloseCode(binary.BigEndian.Uint16(got[2:])))
		equal(t, want, string(got[4:]))
	}
	f(0, "ignored", "")
	f(CloseTooSlow, "", "")
	f(CloseTooSlow, "why", "why")
	f(ClosePolicy, strings.Repeat("a", 200), strings.Repeat("a", 123))
	f(ClosePolicy, strings.Repeat("é", 62), strings.Repeat("é", 61))
	f(ClosePolicy, strings.Repeat("a", 120)+"😀", strings.Repeat("a", 120))
	f(ClosePolicy, strings.Repeat("a", 119)+"😀", strings.Repeat("a", 119)+"😀")
	f(ClosePolicy, "a\xffb", "a?b")
}

func TestCloseCodeNames(t *testing.T) {
	for _, c := range []CloseCode{
		0, CloseNormal, CloseGoingAway, CloseProtocol, CloseUnsupported, CloseBadText, ClosePolicy, CloseTooBig, CloseInternal, CloseShutdown,
		CloseRestart, CloseMaxAge, CloseTooSlow, CloseNoPong, CloseBadCredentials, CloseAbuse, CloseConnectionLimit,
	} {
		if strings.HasPrefix(c.String(), "code ") {
			t.Errorf("%d has no name", uint16(c))
		}
	}
	equal(t, "code 4999", CloseCode(4999).String())
	equal(t, "close 1002: why", (&CloseError{CloseProtocol, "why"}).Error())
}

func TestOpcodeNames(t *testing.T) {
	equal(t, "continuation text binary reserved close ping pong",
		strings.Join([]string{
			Opcode(0).String(), OpcodeText.String(), OpcodeBinary.String(), Opcode(3).String(),
			OpcodeClose.String(), OpcodePing.String(), OpcodePong.String(),
		}, " "))
}

func TestMaskBytesAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "bytes")
		mask := [4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "mask"))
		pos := rapid.IntRange(0, 1000).Draw(t, "pos")
		want := bytes.Clone(b)
		for i := range want {
			want[i] ^= mask[(pos+i)%4]
		}
		MaskBytes(b, mask, pos)
		equal(t, want, b)
	})
}

func TestAppendClientFrame(t *testing.T) {
	got := AppendClientFrame([]byte("x"), OpcodeText, [4]byte{0x37, 0xfa, 0x21, 0x3d}, []byte("Hello"))
	want := []byte{'x', 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58} // RFC 6455 section 5.7
	equal(t, want, got)
}

func TestWholeRunes(t *testing.T) {
	f := func(s string, n int, ok bool) {
		t.Helper()
		if gotN, gotOK := wholeRunes([]byte(s)); gotOK != ok || ok && gotN != n {
			t.Errorf("%q: got %d, %v; want %d, %v", s, gotN, gotOK, n, ok)
		}
	}
	f("", 0, true)
	f("aé", 3, true)
	f("a\xc3", 1, true)
	f("\xf0\x9f\x98", 0, true)
	f("a\xf0\x9f", 1, true)
	f("\xf0\x9f\x98\x80", 4, true)
	f("\x80", 0, false)
	f("\xc0", 0, false)
	f("\xf5", 0, false)
	f("\xe0\x80", 0, false)     // overlong
	f("\xed\xa0", 0, false)     // surrogate
	f("\xf4\x90", 0, false)     // beyond U+10FFFF
	f("\xc3a", 0, false)        // cut
	f("\x80\x80\x80", 0, false) // no beginning
	f("\x80\x80\x80\x80\x80", 0, false)
}

func TestWholeRunesAgainstNaive(t *testing.T) {
	// The one definition: some continuation makes it valid.
	completions := []string{"", "\x80", "\x80\x80", "\x80\x80\x80", "\xa0\x80", "\x90\x80\x80", "\x90\x80", "\xbf", "\xbf\xbf"}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte("a\xc0\xc2\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\x80\x8f\x90\x9f\xa0\xbf")), 0, 6).Draw(t, "bytes")
		want := false
		for _, c := range completions {
			want = want || utf8.ValidString(string(b)+c)
		}
		n, ok := wholeRunes(b)
		if ok != want || ok && !utf8.Valid(b[:n]) || ok && len(b)-n > 3 {
			t.Fatalf("%q: got %d, %v; want %v", b, n, ok, want)
		}
	})
}

func BenchmarkMaskBytes(b *testing.B) {
	for _, size := range []int{64, 4096} {
		b.Run(map[int]string{64: "64", 4096: "4096"}[size], func(b *testing.B) {
			buf := make([]byte, size)
			b.SetBytes(int64(size))
			for b.Loop() {
				MaskBytes(buf, [4]byte{1, 2, 3, 4}, 1)
			}
		})
	}
}

func asCloseError(t rapid.TB, err error) *CloseError {
	t.Helper()
	var e *CloseError
	if err != nil && !errors.As(err, &e) {
		t.Fatalf("got %T; want *CloseError", err)
	}
	return e
}
