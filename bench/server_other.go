//go:build !linux

package bench

import "syscall"

func ownGroup() *syscall.SysProcAttr { return nil }
