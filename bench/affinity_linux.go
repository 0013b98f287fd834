package bench

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// PinSelf confines this process to the given processors; none leaves it free.
func PinSelf(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	// Threads inherit from the one that made them: one that a thread not yet
	// pinned makes meanwhile is found in the second round.
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("bench: pin: %w", err)
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				return fmt.Errorf("bench: pin: %w", err)
			}
			if err := pinThread(tid, cpus); err != nil {
				return err
			}
		}
	}
	return nil
}

// pinThread confines a thread (0: the calling one) to the given processors.
func pinThread(tid int, cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(tid, &set); err != nil {
		return fmt.Errorf("bench: pin to processors %v: %w", cpus, err)
	}
	return nil
}
