package bench

import (
	"fmt"
	"strconv"
	"strings"
)

// cpusMax bounds processor numbers: what a kernel's CPU set holds.
const cpusMax = 1024

// ParseCPUs reads a list of processors such as "0,2-3", as taskset takes it.
// The empty list is nil: no pinning.
func ParseCPUs(list string) ([]int, error) {
	if list == "" {
		return nil, nil
	}
	var cpus []int
	for item := range strings.SplitSeq(list, ",") {
		first, last, ranged := strings.Cut(item, "-")
		if !ranged {
			last = first
		}
		a, err1 := strconv.ParseUint(first, 10, 16)
		b, err2 := strconv.ParseUint(last, 10, 16)
		if err1 != nil || err2 != nil || a > b || b >= cpusMax {
			return nil, fmt.Errorf("bench: processors %q: want a list such as 0,2-3", list)
		}
		for cpu := a; cpu <= b; cpu++ {
			cpus = append(cpus, int(cpu))
		}
	}
	return cpus, nil
}
