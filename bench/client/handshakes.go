package main

import (
	"flag"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

type handshakesResult struct {
	Handshakes int     `json:"handshakes"`
	Seconds    float64 `json:"seconds"`
}

// handshakes makes -count full handshakes, -parallel at a time, with buildkitd as the far end. A
// TLS 1.3 client believes itself connected before the server has judged its certificate, so each
// one counts only once BuildKit's first frame has come back.
func handshakes(args []string) (any, error) {
	flags := flag.NewFlagSet("handshakes", flag.ContinueOnError)
	at := endpointFlags(flags)
	count := flags.Int("count", 200, "how many")
	parallel := flags.Int("parallel", 8, "how many at a time")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	var group sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(*count))
	failures := make(chan error, *parallel)
	started := time.Now()
	for range *parallel {
		group.Add(1)
		go func() {
			defer group.Done()
			for left.Add(-1) >= 0 {
				if err := greet(endpoint); err != nil {
					failures <- err
					return
				}
			}
		}()
	}
	group.Wait()
	seconds := time.Since(started).Seconds()
	close(failures)
	if err := <-failures; err != nil {
		return nil, err
	}
	return handshakesResult{*count, seconds}, nil
}

func greet(endpoint *endpoint) error {
	conn, err := endpoint.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return greeted(conn)
}

// greeted says the first words of HTTP/2, and waits for BuildKit's.
func greeted(conn io.ReadWriter) error {
	if _, err := io.WriteString(conn, preface); err != nil {
		return err
	}
	var header [frameHeaderBytes]byte
	if _, err := io.ReadFull(conn, header[:]); err != nil {
		return err
	}
	if header[3] != typeSettings {
		return fmt.Errorf("the first frame is of type %d, not SETTINGS", header[3])
	}
	return nil
}
