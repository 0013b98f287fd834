//go:build !linux

package bench

import "errors"

var errPin = errors.New("bench: processes can be pinned to processors on Linux only")

// PinSelf confines this process to the given processors; none leaves it free.
func PinSelf(cpus []int) error { return pinThread(0, cpus) }

func pinThread(_ int, cpus []int) error {
	if len(cpus) > 0 {
		return errPin
	}
	return nil
}
