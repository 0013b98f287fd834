package torture

import "fmt"

// Sockets says on what kind of sockets the server has its sessions. The zero
// Sockets is invalid.
type Sockets uint8

// The kinds of sockets.
const (
	SocketsRaw         Sockets = iota + 1 // descriptors, raw system calls
	SocketsOrdinary                       // descriptors, ordinary system calls
	SocketsConnections                    // a net.Conn each
	SocketsTLS                            // likewise, with TLS
)

var socketsNames = [...]string{"invalid", "raw", "ordinary", "connections", "tls"}

// String returns the name of the kind.
func (s Sockets) String() string {
	if int(s) < len(socketsNames) {
		return socketsNames[s]
	}
	return socketsNames[0]
}

// ParseSockets returns the kind of that name.
func ParseSockets(name string) (Sockets, error) {
	for s := SocketsRaw; int(s) < len(socketsNames); s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("torture: no sockets %q", name)
}

// args are the flags of a server with such sockets.
func (s Sockets) args() []string {
	switch s {
	case SocketsOrdinary:
		return []string{"--raw", "off"}
	case SocketsConnections:
		return []string{"--sockets", "connections"}
	case SocketsRaw, SocketsTLS:
	}
	return nil
}
