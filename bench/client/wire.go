package main

import (
	"encoding/binary"
	"fmt"
	"io"
)

// What the far end does with a connection. A connection begins with a mode and a count of bytes,
// big endian.
type mode byte

const (
	// The far end reads count bytes and answers with one.
	modeSink mode = 'u'
	// The far end sends count bytes.
	modeSource mode = 'd'
	// The far end sends back what it gets; the count is ignored.
	modeEcho mode = 'e'
)

const headerBytes = 9

// Larger than any proxy's buffer, so that neither end's system calls are what is measured.
const chunkBytes = 256 << 10

func writeHeader(w io.Writer, m mode, count int64) error {
	var header [headerBytes]byte
	header[0] = byte(m)
	binary.BigEndian.PutUint64(header[1:], uint64(count))
	_, err := w.Write(header[:])
	return err
}

func readHeader(r io.Reader) (mode, int64, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, 0, err
	}
	count := binary.BigEndian.Uint64(header[1:])
	if count > 1<<40 {
		return 0, 0, fmt.Errorf("a count of %d bytes is not ours", count)
	}
	return mode(header[0]), int64(count), nil
}

// writeCount writes count bytes of chunk, over and over.
func writeCount(w io.Writer, chunk []byte, count int64) error {
	for count > 0 {
		n, err := w.Write(chunk[:min(int64(len(chunk)), count)])
		if err != nil {
			return err
		}
		count -= int64(n)
	}
	return nil
}

// readCount reads count bytes and forgets them.
func readCount(r io.Reader, chunk []byte, count int64) error {
	for count > 0 {
		n, err := r.Read(chunk[:min(int64(len(chunk)), count)])
		if err != nil {
			return err
		}
		count -= int64(n)
	}
	return nil
}
