package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"pgregory.net/rapid"
)

const someLimit = 1 << 10

// readAll feeds stream to a new reader, cut at the given places, and returns
// what it found, drawn: messages, then the code of an error.
func readAll(t rapid.TB, stream []byte, cuts ...int) []string {
	t.Helper()
	var r FrameReader
	var found []string
	start := 0
	for _, end := range append(cuts, len(stream)) {
		src := bytes.Clone(stream[start:end])
		start = end
		for {
			m, rest, err := r.Next(src, someLimit)
			if e := asCloseError(t, err); e != nil {
				return append(found, e.Error())
			}
			if len(r.buf) > someLimit+controlBytesMax {
				t.Fatalf("%d bytes are kept", len(r.buf))
			}
			if m.Op == 0 {
				if len(rest) > 0 {
					t.Fatalf("%d bytes are left without a message", len(rest))
				}
				break
			}
			found = append(found, drawMessage(m))
			src = rest
		}
	}
	if !r.inPayload && !r.unended && r.buf != nil {
		t.Fatal("memory is kept between messages")
	}
	return found
}

func drawMessage(m Message) string {
	if m.Op == OpcodeClose {
		return fmt.Sprintf("close %d %q", uint16(m.Code), m.Payload)
	}
	return fmt.Sprintf("%v %q", m.Op, m.Payload)
}

// frame builds any frame of a client, right or wrong: b0 is its first byte.
func frame(b0 byte, payload string) []byte {
	f := AppendClientFrame(nil, 0, [4]byte{0xa1, 0x5b, 0, 0xff}, []byte(payload))
	f[0] = b0
	return f
}

const (
	finText  = 0x81
	moreText = 0x01
	finMore  = 0x80
	more     = 0x00
	ping     = 0x89
	pong     = 0x8a
	goodbye  = 0x88
)

func TestFrameReader(t *testing.T) {
	long := strings.Repeat("é", 300)
	f := func(frames [][]byte, want ...string) {
		t.Helper()
		stream := bytes.Join(frames, nil)
		equal(t, want, readAll(t, stream))
		everywhere := make([]int, len(stream))
		for i := range everywhere {
			everywhere[i] = i
			equal(t, want, readAll(t, stream, i))
		}
		equal(t, want, readAll(t, stream, everywhere...))
	}
	f(nil)
	f([][]byte{frame(finText, "")}, `text ""`)
	f([][]byte{frame(finText, "a"), frame(ping, "p"), frame(pong, ""), frame(finText, long)},
		`text "a"`, `ping "p"`, `pong ""`, fmt.Sprintf("text %q", long))
	f([][]byte{frame(moreText, "a"), frame(ping, "p"), frame(more, ""), frame(ping, "pq"), frame(finMore, "bc"), frame(finText, "d")},
		`ping "p"`, `ping "pq"`, `text "abc"`, `text "d"`)
	f([][]byte{frame(moreText, ""), frame(finMore, "")}, `text ""`)
	f([][]byte{frame(moreText, "\xf0\x9f"), frame(more, "\x98"), frame(finMore, "\x80")}, `text "😀"`)
	f([][]byte{frame(goodbye, "")}, `close 0 ""`)
	f([][]byte{frame(goodbye, "\x03\xe8bye é")}, `close 1000 "bye é"`)
	f([][]byte{frame(moreText, "a"), frame(goodbye, "\x0f\xa0")}, `close 4000 ""`)
	f([][]byte{frame(finText, strings.Repeat("a", someLimit))}, fmt.Sprintf("text %q", strings.Repeat("a", someLimit)))
}

// header builds the header of a frame with a length of any form, without mask.
func header(b0, b1 byte, length uint64) []byte {
	switch b1 & frameLength {
	case frameLength16:
		return binary.BigEndian.AppendUint16([]byte{b0, b1}, uint16(length))
	case frameLength64:
		return binary.BigEndian.AppendUint64([]byte{b0, b1}, length)
	}
	return []byte{b0, b1}
}

func TestFrameReaderFaults(t *testing.T) {
	f := func(code CloseCode, frames ...[]byte) {
		t.Helper()
		stream := bytes.Join(frames, nil)
		everywhere := make([]int, len(stream))
		for i := range everywhere {
			everywhere[i] = i
		}
		whole := readAll(t, stream)
		if len(whole) == 0 || !strings.HasPrefix(whole[len(whole)-1], fmt.Sprintf("close %d: ", uint16(code))) {
			t.Errorf("% x: got %q; want %d", stream, whole, uint16(code))
		}
		equal(t, whole, readAll(t, stream, everywhere...))
	}
	for _, b0 := range []byte{0xc1, 0xa1, 0x91, 0xf9, 0x83, 0x87, 0x8b, 0x8f, 0x03, 0x0b} {
		f(CloseProtocol, header(b0, 0x80, 0))
	}
	f(CloseProtocol, []byte{finText, 0})                         // no mask
	f(CloseProtocol, []byte{0x82, 0})                            // no mask counts before binary
	f(CloseProtocol, frame(finMore, ""))                         // continuation of nothing
	f(CloseProtocol, frame(finText, "a"), frame(finMore, "b"))   //
	f(CloseProtocol, frame(moreText, "a"), frame(finText, "b"))  // text inside a text
	f(CloseProtocol, frame(moreText, "a"), frame(moreText, "b")) //
	f(CloseProtocol, frame(moreText, "a"), frame(0x82, "b"))     //
	f(CloseProtocol, frame(0x09, ""))                            // control, fragmented
	f(CloseProtocol, header(ping, 0x80|frameLength16, 126))
	f(CloseProtocol, header(finText, 0x80|frameLength16, 125))
	f(CloseProtocol, header(finText, 0x80|frameLength64, 0xffff))
	f(CloseProtocol, header(finText, 0x80|frameLength64, 1<<63))
	f(CloseProtocol, frame(goodbye, "a"))
	for _, code := range []uint16{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		f(CloseProtocol, frame(goodbye, string(binary.BigEndian.AppendUint16(nil, code))))
	}
	f(CloseUnsupported, frame(0x82, "a"))
	f(CloseUnsupported, frame(0x02, ""))
	f(CloseBadText, frame(finText, "\xff"))
	f(CloseBadText, frame(finText, "a\xc3"))
	f(CloseBadText, frame(goodbye, "\x03\xe8\xff"))
	f(CloseBadText, frame(moreText, "\xf4"), frame(more, "\x90"))
	f(CloseBadText, frame(moreText, "\xf0\x9f"), frame(finMore, ""))
	f(CloseBadText, frame(moreText, "\xed\xa0")) // before the message ends
	f(CloseTooBig, header(finText, 0x80|frameLength16, someLimit+1))
	f(CloseTooBig, header(finText, 0x80|frameLength64, 1<<62))
	f(CloseTooBig, frame(moreText, strings.Repeat("a", someLimit)), header(finMore, 0x81, 1))
}

func TestFrameReaderFindsBadTextAtOnce(t *testing.T) {
	stream := frame(finText, "aaaa\xff"+strings.Repeat("a", 100))
	var r FrameReader
	if m, _, err := r.Next(bytes.Clone(stream[:10]), someLimit); m.Op != 0 || err != nil {
		t.Fatalf("got %v, %v", m, err)
	}
	_, _, err := r.Next(bytes.Clone(stream[10:11]), someLimit)
	if e := asCloseError(t, err); e == nil || e.Code != CloseBadText {
		t.Fatalf("got %v", err)
	}
}

func TestFrameReaderIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(FrameReader{}); size > 64 {
		t.Errorf("%d bytes", size)
	}
}

// naiveFrames reads a whole stream the plain way: frame after frame, then
// messages. It stops at a frame that is not complete.
func naiveFrames(stream []byte) []string {
	var found []string
	var text []byte
	open := false
	for {
		if len(stream) < 2 {
			return found
		}
		b0, length, size := stream[0], int(stream[1]&127), 2
		if stream[1] < 128 {
			return append(found, "1002")
		}
		if length == 126 && len(stream) >= 4 {
			length, size = int(stream[2])<<8|int(stream[3]), 4
		}
		if len(stream) < size+4+length {
			return found
		}
		payload := bytes.Clone(stream[size+4:][:length])
		for i := range payload {
			payload[i] ^= stream[size+i%4]
		}
		stream = stream[size+4+length:]
		switch op := Opcode(b0 & 15); {
		case op == OpcodePing || op == OpcodePong:
			found = append(found, fmt.Sprintf("%v %q", op, payload))
		case op == OpcodeClose:
			code := 0
			if len(payload) >= 2 {
				code = int(payload[0])<<8 | int(payload[1])
				payload = payload[2:]
			}
			found = append(found, fmt.Sprintf("close %d %q", code, payload))
		case op == OpcodeText && !open, op == 0 && open:
			if text = append(text, payload...); b0 >= 128 {
				if !utf8.Valid(text) {
					return append(found, "1007")
				}
				found = append(found, fmt.Sprintf("text %q", text))
				text = nil
			}
			open = b0 < 128
		default:
			return append(found, "1002")
		}
	}
}

func TestFrameReaderAgainstNaive(t *testing.T) {
	anyFrame := rapid.Custom(func(t *rapid.T) []byte {
		b0 := rapid.SampledFrom([]byte{finText, moreText, more, finMore, ping, pong, goodbye}).Draw(t, "first byte")
		n := 9
		switch b0 {
		case goodbye:
			return frame(b0, "\x03\xe8"+rapid.StringN(0, 9, 100).Draw(t, "reason"))
		case ping, pong:
			n = controlBytesMax
		case finText:
			n = 300
		}
		return frame(b0, rapid.StringN(0, n, n).Draw(t, "payload"))
	})
	rapid.Check(t, func(t *rapid.T) {
		stream := bytes.Join(rapid.SliceOfN(anyFrame, 0, 9).Draw(t, "frames"), nil)
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(stream)), 0, 9).Draw(t, "cuts")
		slices.Sort(cuts)
		got, want := readAll(t, stream, cuts...), naiveFrames(stream)
		if n := len(got) - 1; n >= 0 && strings.HasPrefix(got[n], "close 1002: ") {
			got[n] = "1002"
		}
		equal(t, want, got)
	})
}

func FuzzFrameReader(f *testing.F) {
	f.Add(bytes.Join([][]byte{frame(moreText, "a"), frame(ping, "p"), frame(finMore, "é"), frame(goodbye, "\x03\xe8")}, nil), uint64(1))
	f.Add(frame(finText, strings.Repeat("é", 100)), uint64(7))
	f.Add(header(finText, 0x80|frameLength64, 1<<63), uint64(3))
	f.Add(frame(moreText, "\xf0\x9f"), uint64(5))
	f.Add([]byte{}, uint64(0))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		var cuts []int
		for i := range stream {
			if seed = seed*6364136223846793005 + 1442695040888963407; seed>>60 < 5 {
				cuts = append(cuts, i)
			}
		}
		equal(t, readAll(t, stream), readAll(t, stream, cuts...))
	})
}

func BenchmarkFrameReader(b *testing.B) {
	one := frame(finText, `{"op":"subscribe","id":7,"streams":["bbo.BTCUSDT"]}`)
	stream := make([]byte, len(one))
	var r FrameReader
	b.ReportAllocs()
	b.SetBytes(int64(len(one)))
	for b.Loop() {
		copy(stream, one)
		m, rest, err := r.Next(stream, 64<<10)
		if m.Op != OpcodeText || err != nil {
			b.Fatal(m, err)
		}
		if m, _, err = r.Next(rest, 64<<10); m.Op != 0 || err != nil {
			b.Fatal(m, err)
		}
	}
}
