//go:build !unix

package main

// Without SIGUSR2 nothing asks the control for a restart.

import (
	"context"
	"errors"
	"net"
	"os"
)

func plainRestarts() chan os.Signal { return make(chan os.Signal) }

func replacePlain(context.Context, map[string]net.Listener) error { return errors.ErrUnsupported }
