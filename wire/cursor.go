package wire

import "bytes"

// EpochBytesMax bounds the name of an epoch.
const EpochBytesMax = 32

// Cursor is a place in a stream: the frame Seq of the epoch's run of
// sequences. Its text is `epoch:seq`.
type Cursor struct {
	Epoch string
	Seq   uint64 // 0: before the first frame
}

// String returns the cursor's text.
func (c Cursor) String() string { return string(AppendCursor(nil, c.Epoch, c.Seq)) }

// AppendCursor appends the text of a cursor.
func AppendCursor(dst []byte, epoch string, seq uint64) []byte {
	dst = append(dst, epoch...)
	return appendUint(append(dst, ':'), seq)
}

// ParseCursor reads the text of a cursor: an epoch of 1 to EpochBytesMax bytes
// without ':', and a number without leading zeros. The epoch aliases s.
func ParseCursor(s []byte) (epoch []byte, seq uint64, ok bool) {
	epoch, number, _ := bytes.Cut(s, []byte{':'})
	if len(epoch) == 0 || len(epoch) > EpochBytesMax {
		return nil, 0, false
	}
	if seq, ok = parseUint(number); !ok {
		return nil, 0, false
	}
	return epoch, seq, true
}

// parseUint reads a number in decimal, without sign and leading zeros.
func parseUint(s []byte) (v uint64, ok bool) {
	if len(s) == 0 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	for _, c := range s {
		digit := uint64(c - '0')
		if digit > 9 || v > (1<<64-1-digit)/10 {
			return 0, false
		}
		v = v*10 + digit
	}
	return v, true
}
