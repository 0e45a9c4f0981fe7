//go:build !unix

package handover

// Where processes don't inherit sockets.

import (
	"errors"
	"os"
	"time"
)

// Supported says whether this system can hand over sockets.
const Supported = false

// A Command says what to start.
type Command struct {
	Path     string
	Args     []string
	Dir      string
	Env      []string
	Sockets  []Socket
	Draining []Generation
	Hello    Message
}

// A Process is the new process; there is none here.
type Process struct {
	PID  int
	Link *Link
}

func Start(Command) (*Process, error) { return nil, errors.ErrUnsupported }
func (*Process) Kill()                {}
func (*Process) Wait() string         { return "" }

// Finish waits for nothing.
func (*Process) Finish(time.Duration) string { return "" }

// A Link joins two processes; there is none here.
type Link struct{}

func (*Link) Send(Message) error        { return errors.ErrUnsupported }
func (*Link) Receive() (Message, error) { return Message{}, errors.ErrUnsupported }
func (*Link) Close() error              { return nil }

// Inherit returns nothing.
func Inherit() (*Inheritance, error) { return nil, nil }

func (*Inheritance) Close()    {}
func (Generation) Alive() bool { return false }
func (Generation) Close()      {}

// Drained has nobody to tell.
func Drained() {}

// Duplicate fails.
func Duplicate(any, string) (*os.File, error) { return nil, errors.ErrUnsupported }
