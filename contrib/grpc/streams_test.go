package belaygrpc_test

// Streams on a server: how long a permit is held, what a message costs, and what a
// limit learns.

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/belay-go/belay"
	"github.com/belay-go/belay/contrib/grpc"
	"github.com/belay-go/belay/limiter"
	"github.com/belay-go/belay/limiter/rate"
	"github.com/belay-go/belay/limiter/semaphore"
)

func TestAServersStreamHoldsItsPermitUntilTheHandlerEnds(t *testing.T) {
	silent := belaygrpc.Panics{OnPanic: func(context.Context, string, *belay.PanicError) {}}
	for name, end := range map[string]func(t *testing.T, s grpc.ClientStream, cancel func(), handler chan<- string){
		"it returns":           func(_ *testing.T, _ grpc.ClientStream, _ func(), handler chan<- string) { handler <- "" },
		"it panics":            func(_ *testing.T, _ grpc.ClientStream, _ func(), handler chan<- string) { handler <- "boom" },
		"its client goes away": func(_ *testing.T, _ grpc.ClientStream, cancel func(), _ chan<- string) { cancel() },
		"its client is done": func(t *testing.T, s grpc.ClientStream, _ func(), _ chan<- string) {
			require.NoError(t, s.CloseSend())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sem, handler := semaphore.NewWeighted(1), make(chan string)
				k := &talk{stream: func(s grpc.ServerStream) error {
					ended := make(chan error, 1)
					go func() { ended <- echo(s) }() // ends with the stream
					select {
					case err := <-ended:
						return err
					case text := <-handler:
						if text != "" {
							panic(text)
						}
						return nil
					}
				}}
				l := belaygrpc.Shared(sem, belaygrpc.Options{})
				conn := through(t, k, []grpc.ServerOption{grpc.ChainStreamInterceptor(silent.StreamServer, l.StreamServer)})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := converse(t, ctx, conn)
				time.Sleep(time.Hour)
				require.EqualValues(t, 1, sem.Stats().InFlight)
				end(t, s, cancel, handler)
				synctest.Wait()
				require.Zero(t, sem.Stats().InFlight)
			})
		})
	}
}

func TestAServerTakesForEachMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused []string
		l := belaygrpc.Shared(rate.NewLimiter(1, 2), belaygrpc.Options{
			Messages: true,
			OnRefused: func(_ context.Context, c belaygrpc.Call, _ belaygrpc.Refusal) {
				refused = append(refused, c.Request.(*text).GetValue())
			},
		})
		conn := through(t, &talk{}, limited(l))
		s := converse(t, t.Context(), conn)
		require.NoError(t, s.SendMsg(wrapperspb.String("two")))
		require.NoError(t, s.RecvMsg(new(text)))
		require.NoError(t, s.SendMsg(wrapperspb.String("three")))
		err := s.RecvMsg(new(text))
		requireCode(t, codes.ResourceExhausted, err)
		after, ok := belaygrpc.RetryDelay(err)
		require.True(t, ok)
		require.EqualValues(t, after.Milliseconds(), pushback(t, s.Trailer()))
		require.Equal(t, []string{"three"}, refused)

		// A call without a stream is one message.
		time.Sleep(after)
		require.NoError(t, call(t.Context(), conn))
		requireCode(t, codes.ResourceExhausted, call(t.Context(), conn))
	})
}

func TestAHandlerThatGoesOnAfterARefusalTellsItsClientOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &talk{stream: func(s grpc.ServerStream) error {
			for {
				if err := s.RecvMsg(new(text)); err == io.EOF {
					return nil
				}
			}
		}}
		conn := through(t, k, limited(belaygrpc.Shared(semaphore.NewWeighted(0), belaygrpc.Options{Messages: true})))
		s, err := conn.NewStream(t.Context(), chatDesc, chat)
		require.NoError(t, err)
		for range 3 {
			require.NoError(t, s.SendMsg(wrapperspb.String("x")))
		}
		require.NoError(t, s.CloseSend())
		require.Equal(t, io.EOF, s.RecvMsg(new(text)))
		pushback(t, s.Trailer())
	})
}

func TestAMessageHoldsItsPermitUntilTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sem := semaphore.NewWeighted(1)
		conn := through(t, &talk{stream: func(s grpc.ServerStream) error {
			for {
				if err := s.RecvMsg(new(text)); err != nil {
					return err
				}
				time.Sleep(time.Second) // the work
				if err := s.SendMsg(new(text)); err != nil {
					return err
				}
			}
		}}, limited(belaygrpc.Shared(sem, belaygrpc.Options{Messages: true, Wait: time.Minute})))
		first := converse(t, t.Context(), conn)
		synctest.Wait()
		require.Zero(t, sem.Stats().InFlight, "it waits for the next message")

		require.NoError(t, first.SendMsg(new(text)))
		synctest.Wait()
		require.EqualValues(t, 1, sem.Stats().InFlight)
		began := time.Now()
		second := converse(t, t.Context(), conn) // after the first one's message
		require.Equal(t, 2*time.Second, time.Since(began))
		require.NoError(t, first.RecvMsg(new(text)))

		// An end with a message in hand.
		require.NoError(t, second.SendMsg(new(text)))
		synctest.Wait()
		require.NoError(t, first.CloseSend())
		require.NoError(t, second.CloseSend())
		require.NoError(t, second.RecvMsg(new(text)))
		requireFree(t, sem)
	})
}

func TestAMessageThatComesAfterTheHandlersEndHoldsNothing(t *testing.T) {
	sem := semaphore.NewWeighted(2)
	l := belaygrpc.Shared(sem, belaygrpc.Options{Messages: true})
	var late grpc.ServerStream
	recv := make(chan struct{})
	ended := make(chan error)
	err := l.StreamServer(nil, &fakeStream{ctx: t.Context(), recv: recv}, &grpc.StreamServerInfo{FullMethod: chat}, func(_ any, s grpc.ServerStream) error {
		late = s
		require.NoError(t, func() error { go func() { recv <- struct{}{} }(); return s.RecvMsg(nil) }())
		require.EqualValues(t, 1, sem.Stats().InFlight)
		go func() { ended <- late.RecvMsg(nil) }()
		return nil
	})
	require.NoError(t, err)
	recv <- struct{}{}
	require.NoError(t, <-ended)
	require.Zero(t, sem.Stats().InFlight)
}

// fakeStream receives a message whenever it is told to.
type fakeStream struct {
	grpc.ServerStream
	ctx  context.Context
	recv chan struct{}
}

func (f *fakeStream) Context() context.Context { return f.ctx }
func (f *fakeStream) RecvMsg(any) error        { <-f.recv; return nil }

// learner is a limit that notes what it is told.
type learner struct {
	mu   sync.Mutex
	told string
}

func (l *learner) TryTake(n int64) (limiter.Permit, error)                 { return limiter.NewPermit(l, n), nil }
func (l *learner) Take(_ context.Context, n int64) (limiter.Permit, error) { return l.TryTake(n) }
func (l *learner) Release(int64)                                           { l.note("worked") }
func (l *learner) Drop(int64)                                              { l.note("lost") }
func (l *learner) Ignore(int64)                                            { l.note("unclear") }

func (l *learner) note(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = s
}

func (l *learner) last() (s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, l.told = l.told, ""
	return s
}

func TestALimitIsToldWhatBecameOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := new(learner), new(learner)
		var answer error
		k := &talk{unary: func(ctx context.Context, in *text) (*text, error) {
			if answer == errBroken {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return in, answer
		}, stream: func(s grpc.ServerStream) error {
			if answer != nil {
				return answer
			}
			return echo(s)
		}}
		inner := belaygrpc.Shared(refusing{&limiter.RefusedError{Reason: limiter.ErrLimited}}, belaygrpc.Options{Probes: []string{say, list, upload, chat}})
		conn := through(t, k, append(limited(belaygrpc.Shared(there, belaygrpc.Options{})), grpc.ChainUnaryInterceptor(inner.UnaryServer)),
			limiting(belaygrpc.Shared(here, belaygrpc.Options{}))...)
		for _, c := range []struct {
			answer         error
			server, client string
		}{
			{nil, "worked", "worked"},
			{status.Error(codes.NotFound, ""), "worked", "worked"},
			{status.Error(codes.Unavailable, ""), "lost", "lost"},
			{status.Error(codes.ResourceExhausted, ""), "unclear", "lost"},
			{status.Error(codes.DeadlineExceeded, ""), "lost", "lost"},
			{context.DeadlineExceeded, "lost", "lost"},
			{status.Error(codes.Canceled, ""), "unclear", "unclear"},
		} {
			answer = c.answer
			_ = call(t.Context(), conn)
			synctest.Wait()
			require.Equal(t, c.server, there.last(), "%v", c.answer)
			require.Equal(t, c.client, here.last(), "%v", c.answer)
		}

		answer = errBroken // which stands for one that waits
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, call(ctx, conn))
		synctest.Wait()
		require.Equal(t, "lost", here.last())
		require.NotEqual(t, "worked", there.last()) // its deadline or the client's goodbye
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		require.Error(t, call(ctx, conn))
		synctest.Wait()
		require.Equal(t, "unclear", here.last())
		require.Equal(t, "unclear", there.last())

		answer = nil
		for desc, want := range map[*grpc.StreamDesc]string{listDesc: "worked", uploadDesc: "unclear", chatDesc: "unclear"} {
			s, err := conn.NewStream(t.Context(), desc, "/belay.test.Talk/"+desc.StreamName)
			require.NoError(t, err)
			require.NoError(t, s.SendMsg(new(text)))
			require.NoError(t, s.CloseSend())
			for err == nil {
				err = s.RecvMsg(new(text))
				if !desc.ServerStreams {
					break
				}
			}
			synctest.Wait()
			require.Equal(t, want, here.last(), desc.StreamName)
			require.Equal(t, want, there.last(), desc.StreamName)
		}

		// What a limit further in has refused never went out.
		local := belaygrpc.Shared(refusing{&limiter.RefusedError{Reason: limiter.ErrLimited}}, belaygrpc.Options{})
		conn = through(t, k, nil, append(limiting(belaygrpc.Shared(here, belaygrpc.Options{})), limiting(local)...)...)
		requireCode(t, codes.ResourceExhausted, call(t.Context(), conn))
		require.Equal(t, "unclear", here.last())
	})
}
