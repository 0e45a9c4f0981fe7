package drive

// The verdict, and what may spoil it.

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// good are the results of a run that passes.
func good() results {
	r := newResults()
	r.machine = "2 cores, go1.26.8, linux/amd64"
	for act, a := range acts {
		for i := range a.rounds {
			for _, k := range kinds {
				one := sampleRound(i)
				if k == plain {
					one.tallies[oneShot].outcomes[lost] = 4
				}
				r.add(act, k, one)
			}
		}
	}
	r.hangs[plain] = hangResult{killed: true, exit: -1, after: hangGrace + hangOvertime}
	r.hangs[belay] = hangResult{exit: 3, after: hangGrace, text: sampleReport}
	return r
}

func TestAVerdictIsSpoiledByASingleFault(t *testing.T) {
	for name, test := range map[string]struct {
		spoil func(*results)
		exit  int
	}{
		"none":                  {func(*results) {}, exitPass},
		"one lost":              {func(r *results) { r.rounds[1][belay][2].tallies[grpcStream].outcomes[lost] = 1 }, exitFail},
		"one odd":               {func(r *results) { r.rounds[1][belay][1].tallies[overH2C].outcomes[odd] = 1 }, exitFail},
		"shed is no fault":      {func(r *results) { r.rounds[1][belay][1].tallies[overH2C].outcomes[shed] = 9 }, exitPass},
		"refused is no fault":   {func(r *results) { r.rounds[1][belay][1].tallies[overH2C].outcomes[refused] = 99 }, exitPass},
		"killed":                {func(r *results) { r.rounds[1][belay][0].killed = true }, exitFail},
		"exit code":             {func(r *results) { r.rounds[1][belay][0].exit = 3 }, exitFail},
		"goroutine leaked":      {func(r *results) { r.rounds[1][belay][1].after.Goroutines++ }, exitFail},
		"descriptor leaked":     {func(r *results) { r.rounds[1][belay][1].after.Descriptors++ }, exitFail},
		"plain may leak":        {func(r *results) { r.rounds[1][plain][1].after.Descriptors++ }, exitPass},
		"hang not named":        {func(r *results) { r.hangs[belay].text = "" }, exitFail},
		"hang survived":         {func(r *results) { r.hangs[belay].killed = true }, exitFail},
		"hang called a success": {func(r *results) { r.hangs[belay].exit = 0 }, exitFail},
		"control lost nothing":  {healControl, exitHollow},
		"both lost nothing, and the hang was not named": {func(r *results) { healControl(r); r.hangs[belay].text = "" }, exitFail},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			test.spoil(&r)
			text, exit := r.screen()
			require.Equal(t, test.exit, exit, text)
			requireFits(t, text)
		})
	}
}

func healControl(r *results) {
	for i := range r.rounds[1][plain] {
		r.rounds[1][plain][i].tallies[oneShot].outcomes[lost] = 0
	}
}

func TestDescriptorsThatCannotBeCountedAreNotCounted(t *testing.T) {
	r := good()
	for i := range r.rounds[1][belay] {
		r.rounds[1][belay][i].before.Descriptors, r.rounds[1][belay][i].after.Descriptors = -1, -1
	}
	text, exit := r.screen()
	require.Equal(t, exitPass, exit)
	require.Contains(t, text, "+0, not counted")
}
