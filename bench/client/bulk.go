package main

import (
	"crypto/rand"
	"flag"
	"io"
	"time"
)

type bulkResult struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// bulkUp times -bytes from the client to the far end, from the first byte to the far end's word
// that it has the last.
func bulkUp(args []string) (any, error) {
	return bulk(args, modeSink, func(conn io.ReadWriter, chunk []byte, count int64) error {
		if err := writeCount(conn, chunk, count); err != nil {
			return err
		}
		_, err := io.ReadFull(conn, make([]byte, 1))
		return err
	})
}

// bulkDown times -bytes from the far end to the client, from the request to the last byte.
func bulkDown(args []string) (any, error) {
	return bulk(args, modeSource, func(conn io.ReadWriter, chunk []byte, count int64) error {
		return readCount(conn, chunk, count)
	})
}

func bulk(args []string, m mode, move func(io.ReadWriter, []byte, int64) error) (any, error) {
	flags := flag.NewFlagSet("bulk", flag.ContinueOnError)
	at := endpointFlags(flags)
	count := flags.Int64("bytes", 64<<20, "how much")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	endpoint, err := at()
	if err != nil {
		return nil, err
	}
	chunk := make([]byte, chunkBytes)
	if _, err := rand.Read(chunk); err != nil {
		return nil, err
	}
	conn, err := endpoint.open(m, *count)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	started := time.Now()
	if err := move(conn, chunk, *count); err != nil {
		return nil, err
	}
	return bulkResult{Bytes: *count, Seconds: time.Since(started).Seconds()}, nil
}
