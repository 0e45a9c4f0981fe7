//go:build unix

package handover

// What tests need of the inside: a link without a process at its other end.

import (
	"net"
	"os"
)

const (
	MostLine = mostLine
	MostFDs  = MostFiles
)

// Pair returns the two ends of a link.
func Pair() (a, b *Link, err error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, nil, err
	}
	if a, err = newLink(ours); err != nil {
		return nil, nil, err
	}
	b, err = newLink(theirs)
	return a, b, err
}

// Raw returns the socket of a link.
func Raw(l *Link) *net.UnixConn { return l.conn }

// LifeOf has the generation end with a file.
func LifeOf(g Generation, f *os.File) Generation {
	g.alive = f
	return g
}
