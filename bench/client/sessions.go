package main

import (
	"errors"
	"flag"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

type sessionsResult struct {
	Sessions int     `json:"sessions"`
	Seconds  float64 `json:"seconds"`
	// Bytes that came back, of all sessions.
	Bytes int64 `json:"bytes"`
	// Jain's index over the sessions' bytes: 1 if all got the same, 1/n if one got everything.
	Fairness float64 `json:"fairness"`
	// The least that a session got, as a share of the median session.
	SlowestShare float64 `json:"slowestShare"`
}

// sessions holds -count sessions at once for -duration. Each sends a block of -block bytes, waits
// for all of it to come back, and begins anew.
func sessions(args []string) (any, error) {
	flags := flag.NewFlagSet("sessions", flag.ContinueOnError)
	at := endpointFlags(flags)
	count := flags.Int("count", 200, "how many")
	duration := flags.Duration("duration", 2*time.Second, "how long")
	block := flags.Int("block", 16<<10, "bytes of a block")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	conns, err := openCrowd(endpoint, *count)
	if err != nil {
		return nil, err
	}
	defer closeAll(conns)
	blocks := make([]int64, *count)
	errs := make([]error, *count)
	var group sync.WaitGroup
	started := time.Now()
	for i, conn := range conns {
		group.Add(1)
		go func() {
			defer group.Done()
			blocks[i], errs[i] = exchange(conn, *block, started.Add(*duration))
		}()
	}
	group.Wait()
	seconds := time.Since(started).Seconds()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return summarise(blocks, int64(*block), seconds), nil
}

// exchange counts the blocks that came back before the end; the one under way then is finished, and
// counts.
func exchange(conn net.Conn, blockBytes int, end time.Time) (int64, error) {
	block := make([]byte, blockBytes)
	var blocks int64
	for time.Now().Before(end) {
		if _, err := conn.Write(block); err != nil {
			return blocks, err
		}
		if _, err := io.ReadFull(conn, block); err != nil {
			return blocks, err
		}
		blocks++
	}
	return blocks, nil
}

func summarise(blocks []int64, blockBytes int64, seconds float64) sessionsResult {
	var sum, squares float64
	for _, n := range blocks {
		sum += float64(n)
		squares += float64(n) * float64(n)
	}
	slices.Sort(blocks)
	median := float64(blocks[len(blocks)/2])
	return sessionsResult{
		Sessions:     len(blocks),
		Seconds:      seconds,
		Bytes:        int64(sum) * blockBytes,
		Fairness:     sum * sum / (float64(len(blocks)) * squares),
		SlowestShare: float64(blocks[0]) / median,
	}
}
