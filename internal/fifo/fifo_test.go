package fifo_test

// This file holds the line against a slice.

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belay-go/belay/internal/fifo"
)

func TestALineFollowsItsModel(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		var line fifo.Line[int]
		var model, away []*fifo.Elem[int]
		for i := range 200 {
			switch {
			case random.IntN(2) == 0 && len(model) > 0:
				at := random.IntN(len(model))
				line.Remove(model[at])
				away = append(away, model[at])
				model = slices.Delete(model, at, at+1)
			case random.IntN(4) == 0 && len(away) > 0:
				at := random.IntN(len(model) + 1)
				var before *fifo.Elem[int]
				if at < len(model) {
					before = model[at]
				}
				line.Insert(away[0], before)
				model, away = slices.Insert(model, at, away[0]), away[1:]
			case random.IntN(2) == 0 && len(away) > 0: // an element may come again
				line.Push(away[0])
				model, away = append(model, away[0]), away[1:]
			default:
				e := &fifo.Elem[int]{Value: i}
				line.Push(e)
				model = append(model, e)
			}
			var there []*fifo.Elem[int]
			for e := line.First(); e != nil; e = e.Next() {
				there = append(there, e)
			}
			require.Equal(t, len(model), len(there))
			require.EqualValues(t, len(model), line.Len())
			if len(model) > 0 {
				require.Same(t, model[len(model)-1], line.Last())
			} else {
				require.Nil(t, line.Last())
			}
			for i := range model {
				require.Same(t, model[i], there[i])
			}
		}
	}
}
