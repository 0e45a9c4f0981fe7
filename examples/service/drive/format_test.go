package drive

// Numbers for people, and the percentile.

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCountsHaveThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 41208: "41,208", 1234567: "1,234,567"} {
		require.Equal(t, want, count(n))
	}
}

func TestShortCountsFitFiveColumns(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1.0k", 3120: "3.1k", 9949: "9.9k", 9950: "10k", 14049: "14k", 999_499: "999k"} {
		require.Equal(t, want, short(n))
	}
}

func TestSpansHaveTwoOrThreeDigits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                       "0.0 ms",
		200 * time.Microsecond:  "0.2 ms",
		9940 * time.Microsecond: "9.9 ms",
		9960 * time.Microsecond: "10 ms",
		31 * time.Millisecond:   "31 ms",
		999 * time.Millisecond:  "999 ms",
		3004 * time.Millisecond: "3.0 s",
		28 * time.Second:        "28 s",
	} {
		require.Equal(t, want, span(d))
	}
}

func TestClipShowsThatItCut(t *testing.T) {
	require.Equal(t, "µs", clip("µs", 2))
	require.Equal(t, "µµ...", clip("µµµµµµ", 5))
}

func TestAWrappedTextKeepsItsWords(t *testing.T) {
	require.Equal(t, []string{"  one two"}, wrap("one two", 2, 9))
	require.Equal(t, []string{"  one", "        two", "        three"}, wrap("one two three", 2, 8))
	require.Equal(t, []string{"  a", "        longword"}, wrap("a   longword", 2, 6))
	require.Equal(t, []string{""}, wrap("", 0, 8))
}

func TestAPercentileIsOneOfTheValues(t *testing.T) {
	ms := func(values ...int) (d []time.Duration) {
		for _, v := range values {
			d = append(d, time.Duration(v)*time.Millisecond)
		}
		return d
	}
	for _, test := range []struct {
		values []time.Duration
		p      int
		want   int
	}{
		{nil, 50, 0},
		{ms(7), 50, 7},
		{ms(7), 0, 7},
		{ms(9, 1), 50, 1},
		{ms(9, 1, 5), 50, 5},
		{ms(4, 3, 2, 1), 50, 2},
		{ms(4, 3, 2, 1), 51, 3},
		{ms(4, 3, 2, 1), 99, 4},
		{ms(4, 3, 2, 1), 100, 4},
	} {
		require.Equal(t, ms(test.want)[0], percentile(test.values, test.p), "%v %d", test.values, test.p)
	}
	values := ms(3, 1, 2)
	percentile(values, 50)
	require.Equal(t, ms(3, 1, 2), values, "the caller's order is left alone")
}
