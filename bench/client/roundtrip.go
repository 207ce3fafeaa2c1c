package main

import (
	"flag"
	"io"
	"time"
)

type roundTripResult struct {
	Trips     int     `json:"trips"`
	P50Micros float64 `json:"p50Micros"`
	P99Micros float64 `json:"p99Micros"`
}

// As large as a typical gRPC header frame of a BuildKit session.
const messageBytes = 128

// The first trips pay for cold caches on every endpoint alike; they are not what a session feels.
const warmUpTrips = 200

// roundTrip times -trips of a small message to the far end and back, one after the other on one
// connection.
func roundTrip(args []string) (any, error) {
	flags := flag.NewFlagSet("round-trip", flag.ContinueOnError)
	at := endpointFlags(flags)
	trips := flags.Int("trips", 2000, "how many")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	conn, err := endpoint.open(modeEcho, 0)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	message := make([]byte, messageBytes)
	durations := make([]time.Duration, 0, *trips)
	for trip := range warmUpTrips + *trips {
		started := time.Now()
		if _, err := conn.Write(message); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(conn, message); err != nil {
			return nil, err
		}
		if trip >= warmUpTrips {
			durations = append(durations, time.Since(started))
		}
	}
	return roundTripResult{*trips, percentileMicros(durations, 0.5), percentileMicros(durations, 0.99)}, nil
}
