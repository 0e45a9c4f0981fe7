package timeout_test

// This file plays random programs on a Watchdog, and holds it against a model
// that knows nothing of looks: only when the last event was, what is in flight,
// and that Func is due Idle after that, or up to Idle/16 later.

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/timeout"
)

// errand is what Func does.
type errand struct {
	lasts   time.Duration
	restart bool // it starts the next watch as soon as it is called
}

// kennel is the model beside the Watchdog that it models. Times are since the
// start.
type kennel struct {
	dog  timeout.Watchdog
	idle time.Duration

	watching bool
	last     time.Duration // the last event
	calls    int
	running  bool
	returns  time.Duration // when the running Func does
	errand   errand        // of the next Func

	shared struct {
		sync.Mutex
		began  time.Time
		errand errand
		fires  []time.Duration
	}
}

func newKennel(idle time.Duration) *kennel {
	k := &kennel{idle: idle}
	k.shared.began = time.Now()
	k.dog.Idle = idle
	k.dog.Func = func() {
		k.shared.Lock()
		errand := k.shared.errand
		k.shared.fires = append(k.shared.fires, time.Since(k.shared.began))
		k.shared.Unlock()
		if errand.restart {
			k.dog.Start()
		}
		time.Sleep(errand.lasts)
	}
	return k
}

func (k *kennel) now() time.Duration { return time.Since(k.shared.began) }

// fires returns the calls of Func since the last time.
func (k *kennel) fires() []time.Duration {
	synctest.Wait()
	k.shared.Lock()
	defer k.shared.Unlock()
	fires := k.shared.fires
	k.shared.fires = nil
	return fires
}

// pass lets time pass, and then tells what should have been from what was.
func (k *kennel) pass(t *testing.T, d time.Duration) {
	time.Sleep(d)
	now, fires := k.now(), k.fires()
	for {
		if k.running && k.returns <= now && (len(fires) == 0 || fires[0] >= k.returns) {
			k.running = false
			k.event(k.returns)
			continue
		}
		due := k.last + k.idle
		free := k.watching && !k.running && k.calls == 0
		if len(fires) == 0 {
			if free {
				require.GreaterOrEqual(t, due+k.idle/16, now, "late")
			}
			return
		}
		require.True(t, free, "fired though it must not")
		require.GreaterOrEqual(t, fires[0], due, "early")
		require.LessOrEqual(t, fires[0], due+k.idle/16, "late")
		k.watching = k.errand.restart
		k.running, k.returns = true, fires[0]+k.errand.lasts
		fires = fires[1:]
	}
}

func (k *kennel) event(at time.Duration) { k.last = max(k.last, at) }

// step plays one operation.
func (k *kennel) step(t *testing.T, op, arg byte) {
	switch op % 8 {
	case 0:
		k.dog.Start()
		k.watching = true
		k.event(k.now())
	case 1:
		k.dog.Touch()
		k.event(k.now())
	case 2:
		k.dog.Begin()
		k.calls++
	case 3:
		if k.calls == 0 {
			require.PanicsWithValue(t, "timeout: End without Begin", k.dog.End)
			return
		}
		k.dog.End()
		k.calls--
		k.event(k.now())
	case 4:
		if arg%3 == 0 {
			require.Equal(t, k.watching, k.dog.Stop())
			k.watching = false
		}
	case 5:
		k.errand = errand{lasts: time.Duration(arg/2) * k.idle / 40, restart: arg%2 == 0}
		k.shared.Lock()
		k.shared.errand = k.errand
		k.shared.Unlock()
	case 6: // up to a little more than one look
		k.pass(t, time.Duration(arg)*k.idle/16/200)
	case 7: // up to a little more than Idle
		k.pass(t, time.Duration(arg)*k.idle/200)
	}
}

// playDog runs a program, two bytes an operation, and then lets all of it end.
func playDog(t *testing.T, program []byte) {
	synctest.Test(t, func(t *testing.T) {
		k := newKennel(3200 * time.Millisecond)
		for ; len(program) >= 2; program = program[2:] {
			k.step(t, program[0], program[1])
			k.pass(t, 0)
		}
		for ; k.calls > 0; k.calls-- {
			k.dog.End()
			k.event(k.now())
		}
		k.pass(t, k.idle*2)
		require.Equal(t, k.watching, k.dog.Stop())
		time.Sleep(time.Hour)
		require.Empty(t, k.fires())
	})
}

func FuzzWatchdogAgreesWithTheModel(f *testing.F) {
	f.Add([]byte{0, 0, 7, 100, 1, 0, 7, 150, 7, 150})             // a touch, and a fire
	f.Add([]byte{0, 0, 2, 0, 7, 250, 7, 250, 3, 0, 7, 150, 4, 0}) // a call, and a Stop
	f.Add([]byte{5, 200, 0, 0, 7, 250, 7, 250, 7, 250, 7, 250})   // a Func that starts the next
	f.Add([]byte{5, 201, 0, 0, 7, 220, 0, 0, 3, 0, 7, 250, 1, 0}) // a Start while it runs
	f.Fuzz(playDog)
}

func TestRandomProgramsOfADogAgreeWithTheModel(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		program := make([]byte, 120)
		for i := range program {
			program[i] = byte(random.UintN(256))
		}
		playDog(t, program)
	}
}
