package feed

// News returns a channel that is closed when something is published after the
// call. To miss nothing, ask before a read and wait after it.
func (h *Hub) News() <-chan struct{} {
	h.newsMu.Lock()
	defer h.newsMu.Unlock()
	if h.news == nil {
		h.news = make(chan struct{})
		h.awaited.Store(true)
	}
	return h.news
}

// tell closes the channel that News returned.
func (h *Hub) tell() {
	if !h.awaited.Load() {
		return
	}
	h.newsMu.Lock()
	defer h.newsMu.Unlock()
	if h.news != nil {
		close(h.news)
		h.news = nil
		h.awaited.Store(false)
	}
}
