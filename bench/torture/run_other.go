//go:build !linux

package torture

import "context"

// Run returns ErrSystem: a thousand clients in one thread need epoll.
func Run(context.Context, Config) (*Report, error) { return nil, ErrSystem }
