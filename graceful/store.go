package graceful

// Sockets in the service manager's store (FileDescriptorStoreMax of a unit):
// there they outlive a process that is stopped and started again, or that
// crashes, and what comes meanwhile waits in their queues.

import (
	"github.com/belay-go/belay/internal/handover"
	"github.com/belay-go/belay/internal/sdnotify"
)

// mostFDName is the longest name that the store takes.
const mostFDName = 255

// storeName is what a socket is called there. It has the address, since another
// address that is asked for is another socket.
func storeName(name, addr string) string {
	text := handover.Plain(name + "@" + addr)
	return text[:min(len(text), mostFDName)]
}

// storeSockets puts those that are not there yet into the store, and takes out
// what no component has any more. It does nothing where there is no store, or
// where another process speaks for the service.
func (r *run) storeSockets() {
	n := r.notify
	if n == nil || n.mute || n.store == 0 {
		return
	}
	for _, s := range r.outdated {
		name := s.Name // of a socket that came from the store itself
		if s.Addr != "" {
			name = storeName(s.Name, s.Addr)
		}
		if err := n.send(n.addr, "FDSTOREREMOVE=1\nFDNAME="+name); err != nil {
			r.log.Warn("graceful: a socket stays in the service manager's store", "name", s.Name, "err", err)
		}
	}
	r.outdated = nil
	for _, parts := range r.phases {
		for _, p := range parts {
			if p.ln != nil && n.store > 0 {
				r.storeSocket(n, p)
			}
		}
	}
}

func (r *run) storeSocket(n *notifier, p *part) {
	conn, ok := p.ln.handable()
	addr, foreign := p.ln.origin()
	if !ok || foreign {
		return
	}
	if err := sdnotify.SendFile(n.addr, "FDSTORE=1\nFDNAME="+storeName(p.Name, addr), conn); err != nil {
		r.log.Warn("graceful: a socket is not in the service manager's store", "name", p.Name, "err", err)
		return
	}
	n.store--
	p.ln.keep()
}
