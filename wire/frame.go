package wire

import "encoding/binary"

// The frame of RFC 6455 section 5.2. The server's frames have no mask; its
// data frames are never fragmented.
//
//	byte 0      FIN 1, RSV 3 (0), opcode 4
//	byte 1      MASK 1, length 7
//	            length 126: 2 bytes of length follow; 127: 8 bytes; big-endian,
//	            in the shortest form that holds it
//	then        4 bytes of mask, if MASK
//	then        the payload

// Opcode is the kind of a WebSocket frame. The zero Opcode continues a
// fragmented message; as the kind of a message it is invalid.
type Opcode uint8

// The opcodes.
const (
	OpcodeText   Opcode = 1
	OpcodeBinary Opcode = 2
	OpcodeClose  Opcode = 8
	OpcodePing   Opcode = 9
	OpcodePong   Opcode = 10
)

// String returns the name that RFC 6455 gives the opcode.
func (o Opcode) String() string {
	switch o {
	case 0:
		return "continuation"
	case OpcodeText:
		return "text"
	case OpcodeBinary:
		return "binary"
	case OpcodeClose:
		return "close"
	case OpcodePing:
		return "ping"
	case OpcodePong:
		return "pong"
	}
	return "reserved"
}

const (
	frameFin     = 0x80
	frameRSV     = 0x70
	frameOpcode  = 0x0f
	frameControl = 0x08
	frameMasked  = 0x80
	frameLength  = 0x7f

	frameLength16 = 126
	frameLength64 = 127

	// controlBytesMax bounds the payload of a control frame.
	controlBytesMax = 125
	// frameHeaderBytesMax is the longest header, with a mask.
	frameHeaderBytesMax = 14
)

// FrameHeaderSize returns the length of the header that AppendFrameHeader
// appends for a payload of that many bytes.
func FrameHeaderSize(payload int) int {
	switch {
	case payload <= controlBytesMax:
		return 2
	case payload <= 0xffff:
		return 4
	}
	return 10
}

// AppendFrameHeader appends the header of an unfragmented frame of the server.
func AppendFrameHeader(dst []byte, op Opcode, payload int) []byte {
	return appendFrameHeader(dst, op, payload, 0)
}

func appendFrameHeader(dst []byte, op Opcode, payload int, masked byte) []byte {
	dst = append(dst, frameFin|byte(op))
	switch {
	case payload <= controlBytesMax:
		return append(dst, masked|byte(payload))
	case payload <= 0xffff:
		dst = append(dst, masked|frameLength16)
		return binary.BigEndian.AppendUint16(dst, uint16(payload))
	}
	dst = append(dst, masked|frameLength64)
	return binary.BigEndian.AppendUint64(dst, uint64(payload))
}

// AppendClientFrame appends a whole frame of a client.
func AppendClientFrame(dst []byte, op Opcode, mask [4]byte, payload []byte) []byte {
	dst = appendFrameHeader(dst, op, len(payload), frameMasked)
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	MaskBytes(dst[start:], mask, 0)
	return dst
}

// MaskBytes masks or unmasks b, whose first byte is byte pos of the payload.
func MaskBytes(b []byte, mask [4]byte, pos int) {
	pos &= 3
	rotated := [4]byte{mask[pos], mask[(pos+1)&3], mask[(pos+2)&3], mask[(pos+3)&3]}
	word := uint64(binary.LittleEndian.Uint32(rotated[:]))
	word |= word << 32
	for len(b) >= 32 {
		block := (*[32]byte)(b)
		binary.LittleEndian.PutUint64(block[0:], binary.LittleEndian.Uint64(block[0:])^word)
		binary.LittleEndian.PutUint64(block[8:], binary.LittleEndian.Uint64(block[8:])^word)
		binary.LittleEndian.PutUint64(block[16:], binary.LittleEndian.Uint64(block[16:])^word)
		binary.LittleEndian.PutUint64(block[24:], binary.LittleEndian.Uint64(block[24:])^word)
		b = b[32:]
	}
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= rotated[i&3]
	}
}
