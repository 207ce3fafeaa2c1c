package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

type floodResult struct {
	Strangers      int64   `json:"strangers"`
	Refused        int64   `json:"refused"`
	Seconds        float64 `json:"seconds"`
	Visits         int     `json:"visits"`
	FailedVisits   int     `json:"failedVisits"`
	VisitP50Micros float64 `json:"visitP50Micros"`
	VisitP99Micros float64 `json:"visitP99Micros"`
	VisitMaxMicros float64 `json:"visitMaxMicros"`
	Trips          int     `json:"trips"`
	TripP99Micros  float64 `json:"tripP99Micros"`
	TripMaxMicros  float64 `json:"tripMaxMicros"`
	Broken         int     `json:"broken"`
}

// How long a stranger stays that says nothing, or next to nothing.
const strangerStays = 5 * time.Second

// So many addresses strangers come from: 127.1.0.1 to 127.1.0.250.
const strangerAddresses = 250

// flood opens -count connections, -rate a second, that mean no good: a fifth each goes away at once,
// says nothing, says a byte at a time, says nonsense, and shakes hands without a certificate.
// Meanwhile a good client opens a session every -every, and another one asks on a session that is
// open from before the first stranger until after the last one.
func flood(args []string) (any, error) {
	flags := flag.NewFlagSet("flood", flag.ContinueOnError)
	at := endpointFlags(flags)
	rate := flags.Int("rate", 1000, "strangers a second")
	count := flags.Int("count", 10000, "strangers in all")
	every := flags.Duration("every", 100*time.Millisecond, "between two visits of the good client")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	over := make(chan struct{})
	var result floodResult
	var good sync.WaitGroup
	lasting, err := openEcho(endpoint)
	if err != nil {
		return nil, fmt.Errorf("before the flood: %w", err)
	}
	defer lasting.Close()
	good.Add(2)
	go func() { defer good.Done(); visit(endpoint, *every, over, &result) }()
	go func() { defer good.Done(); ask(lasting, over, &result) }()

	started := time.Now()
	var refused atomic.Int64
	var strangers sync.WaitGroup
	for each := range *count {
		if wait := time.Until(started.Add(time.Duration(each) * time.Second / time.Duration(*rate))); wait > 0 {
			time.Sleep(wait)
		}
		strangers.Add(1)
		go func() {
			defer strangers.Done()
			if !stranger(endpoint.address, each) {
				refused.Add(1)
			}
		}()
	}
	result.Seconds = time.Since(started).Seconds()
	close(over)
	good.Wait()
	strangers.Wait()
	result.Strangers, result.Refused = int64(*count), refused.Load()
	return result, nil
}

// stranger comes from an address of its own, so that no limit of one address keeps it out. False: it
// was not let in by the kernel.
func stranger(address string, each int) bool {
	from := &net.TCPAddr{IP: net.IPv4(127, 1, 0, byte(1+each%strangerAddresses))}
	dialer := net.Dialer{LocalAddr: from, Timeout: strangerStays}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(strangerStays))
	switch (each / strangerAddresses) % 5 {
	case 0:
	case 1:
		io.Copy(io.Discard, conn)
	case 2:
		for _, letter := range []byte{22, 3, 1, 1, 0, 1, 0, 0, 252, 3} {
			if _, err := conn.Write([]byte{letter}); err != nil {
				break
			}
			time.Sleep(strangerStays / 10)
		}
	case 3:
		conn.Write([]byte("GET / HTTP/1.1\r\nHost: builder\r\n\r\n"))
		io.Copy(io.Discard, conn)
	default:
		client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"}})
		if client.Handshake() == nil {
			io.Copy(io.Discard, client)
		}
	}
	return true
}

func visit(endpoint *endpoint, every time.Duration, over <-chan struct{}, result *floodResult) {
	var took []time.Duration
	for {
		select {
		case <-over:
			result.Visits = len(took)
			if len(took) > 0 {
				result.VisitP50Micros = percentileMicros(took, 0.5)
				result.VisitP99Micros = percentileMicros(took, 0.99)
				result.VisitMaxMicros = percentileMicros(took, 1)
			}
			return
		case <-time.After(every):
		}
		started := time.Now()
		conn, err := openEcho(endpoint)
		if err != nil {
			result.FailedVisits++
			continue
		}
		took = append(took, time.Since(started))
		conn.Close()
	}
}

// Between two questions on the session that is open.
const betweenTrips = 20 * time.Millisecond

func ask(conn net.Conn, over <-chan struct{}, result *floodResult) {
	var took []time.Duration
	message := make([]byte, messageBytes)
	for {
		select {
		case <-over:
			result.Trips = len(took)
			if len(took) > 0 {
				result.TripP99Micros = percentileMicros(took, 0.99)
				result.TripMaxMicros = percentileMicros(took, 1)
			}
			return
		case <-time.After(betweenTrips):
		}
		if result.Broken > 0 {
			continue
		}
		started := time.Now()
		_, err := conn.Write(message)
		if err == nil {
			_, err = io.ReadFull(conn, message)
		}
		if err != nil {
			result.Broken++
			continue
		}
		took = append(took, time.Since(started))
	}
}
