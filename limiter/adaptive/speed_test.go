package adaptive_test

// This file is what a call costs.

import (
	"testing"

	"github.com/belay-go/belay/limiter/adaptive"
)

func BenchmarkTakeAndRelease(b *testing.B) {
	l := adaptive.New(adaptive.Options{})
	b.ReportAllocs()
	for b.Loop() {
		p, _ := l.TryTake(1)
		p.Release()
	}
}

func BenchmarkTakeAndReleaseParallel(b *testing.B) {
	l := adaptive.New(adaptive.Options{Initial: 1000})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p, _ := l.Take(b.Context(), 1)
			p.Release()
		}
	})
}

func BenchmarkRefused(b *testing.B) {
	l := adaptive.New(adaptive.Options{Initial: 1})
	l.TryAcquire(1)
	b.ReportAllocs()
	for b.Loop() {
		l.TryAcquire(1)
	}
}
