package main

import (
	"slices"
	"time"
)

// percentile of durations by nearest rank, in microseconds. It sorts what it is given.
func percentileMicros(durations []time.Duration, fraction float64) float64 {
	slices.Sort(durations)
	rank := int(fraction * float64(len(durations)))
	return float64(durations[min(rank, len(durations)-1)].Nanoseconds()) / 1000
}
