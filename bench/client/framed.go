package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
)

// The client's half of an HTTP/2 connection's start (RFC 9113, 3.4): the preface and an empty
// SETTINGS frame.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

const (
	frameHeaderBytes = 9
	frameMaxBytes    = 16384
	typeData         = 0
	typeHeaders      = 1
	typeSettings     = 4
	flagEndHeaders   = 4
)

// framed carries bytes as the data of one call of HTTP/2, as a build's session does, without
// anything else of HTTP/2: a gateway that judges calls finds what it looks for, and every other one
// carries the same bytes.
type framed struct {
	net.Conn
	reader *bufio.Reader
	left   int
}

// beginCall is a client's side: its first bytes, and the header block of the call.
func beginCall(conn net.Conn) (*framed, error) {
	block := []byte{0x83, 0x86}
	block = append(block, 0x04)
	block = appendString(block, "/moby.buildkit.v1.Control/Session")
	block = append(block, 0x01)
	block = appendString(block, "bench")
	block = append(block, 0x0f, 0x10)
	block = appendString(block, "application/grpc")
	block = append(block, 0x00)
	block = appendString(block, "x-docker-expose-session-uuid")
	block = appendString(block, "benchbenchbenchbenchbench")
	begin := appendFrame([]byte(preface), typeHeaders, flagEndHeaders, 1, block)
	_, err := conn.Write(begin)
	return newFramed(conn), err
}

// acceptCall is the far end's side.
func acceptCall(conn net.Conn) (*framed, error) {
	call := newFramed(conn)
	if _, err := call.reader.Discard(len(preface)); err != nil {
		return nil, err
	}
	_, err := conn.Write(appendFrame(nil, typeSettings, 0, 0, nil))
	return call, err
}

func newFramed(conn net.Conn) *framed {
	return &framed{Conn: conn, reader: bufio.NewReaderSize(conn, chunkBytes)}
}

func (f *framed) Read(p []byte) (int, error) {
	for f.left == 0 {
		var header [frameHeaderBytes]byte
		if _, err := io.ReadFull(f.reader, header[:]); err != nil {
			return 0, err
		}
		length := int(header[0])<<16 | int(header[1])<<8 | int(header[2])
		if header[3] == typeData {
			f.left = length
		} else if _, err := f.reader.Discard(length); err != nil {
			return 0, err
		}
	}
	n, err := f.reader.Read(p[:min(len(p), f.left)])
	f.left -= n
	return n, err
}

func (f *framed) Write(p []byte) (int, error) {
	frames := make([]byte, 0, len(p)+frameHeaderBytes*(len(p)/frameMaxBytes+1))
	for rest := p; len(rest) > 0; {
		piece := rest[:min(len(rest), frameMaxBytes)]
		rest = rest[len(piece):]
		frames = appendFrame(frames, typeData, 0, 1, piece)
	}
	if _, err := f.Conn.Write(frames); err != nil {
		return 0, err
	}
	return len(p), nil
}

func appendFrame(to []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	to = append(to, byte(len(payload)>>16), byte(len(payload)>>8), byte(len(payload)), kind, flags)
	to = binary.BigEndian.AppendUint32(to, stream)
	return append(to, payload...)
}

// appendString is a string of HPACK, not Huffman-coded and shorter than 127 bytes.
func appendString(to []byte, text string) []byte {
	return append(append(to, byte(len(text))), text...)
}
