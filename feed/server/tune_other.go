//go:build !linux

package server

import "net"

// tune does nothing where the options of Linux do not exist.
func tune(*net.TCPConn) {}
