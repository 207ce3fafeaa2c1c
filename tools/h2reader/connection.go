package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// As google.golang.org/grpc/internal/transport sets its framer up (newFramer, defaults.go).
const (
	maxFrameBytes      = 16384
	maxHeaderListBytes = 16 << 20
	headerTableBytes   = 4096
)

// A header block that was accepted, and what of its stream came. Bytes are characters, one each.
type call struct {
	Stream uint32      `json:"stream"`
	Fields [][2]string `json:"fields"`
	// The first message came whole, before the stream ended or was reset.
	IsWhole bool `json:"isWhole"`
	// Of a whole message that BuildKit's decoder takes: strings by their field numbers.
	Names map[int]string `json:"names,omitempty"`
	// Why BuildKit's decoder takes no names from a whole message.
	Unread string `json:"unread,omitempty"`

	Message []byte `json:"message,omitempty"`

	came    []byte
	isEnded bool
}

type reading struct {
	Calls []*call `json:"calls"`
	// Streams that the framer refused, each time that it did.
	Refused []uint32 `json:"refused"`
	// Why nothing more is read: "eof" where all was read.
	End string `json:"end"`
}

type connection struct {
	reading
	in     *bufio.Reader
	framer *http2.Framer
	active map[uint32]*call
	last   uint32
}

func read(record []byte) *reading {
	in := bufio.NewReader(bytes.NewReader(record))
	c := &connection{in: in, framer: http2.NewFramer(io.Discard, in), active: map[uint32]*call{}}
	c.Calls, c.Refused = []*call{}, []uint32{}
	c.framer.SetMaxReadFrameSize(maxFrameBytes)
	c.framer.SetReuseFrames()
	c.framer.MaxHeaderListSize = maxHeaderListBytes
	c.framer.ReadMetaHeaders = hpack.NewDecoder(headerTableBytes, nil)
	err := c.begin()
	for err == nil {
		err = c.next()
	}
	c.End = err.Error()
	if errors.Is(err, io.EOF) {
		c.End = "eof"
	}
	return &c.reading
}

func (c *connection) begin() error {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c.in, preface); err != nil {
		return err
	}
	if string(preface) != http2.ClientPreface {
		return errors.New("no preface")
	}
	frame, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	if _, ok := frame.(*http2.SettingsFrame); !ok {
		return errors.New("no settings")
	}
	return nil
}

func (c *connection) next() error {
	err := c.frame()
	var refused http2.StreamError
	if errors.As(err, &refused) {
		c.Refused = append(c.Refused, refused.StreamID)
		delete(c.active, refused.StreamID)
		return nil
	}
	return err
}

func (c *connection) frame() error {
	header, err := c.framer.ReadFrameHeader()
	if err != nil {
		return err
	}
	if header.Type == http2.FrameData {
		return c.data(header)
	}
	frame, err := c.framer.ReadFrameForHeader(header)
	if err != nil {
		return err
	}
	switch frame := frame.(type) {
	case *http2.MetaHeadersFrame:
		return c.headers(frame)
	case *http2.RSTStreamFrame:
		delete(c.active, frame.StreamID)
	}
	return nil
}

func (c *connection) headers(frame *http2.MetaHeadersFrame) error {
	if frame.Truncated {
		return nil
	}
	if frame.StreamID%2 != 1 || frame.StreamID <= c.last {
		return fmt.Errorf("stream %d", frame.StreamID)
	}
	c.last = frame.StreamID
	started := &call{Stream: frame.StreamID, Fields: [][2]string{}, isEnded: frame.StreamEnded()}
	for _, field := range frame.Fields {
		started.Fields = append(started.Fields, [2]string{latin1([]byte(field.Name)), latin1([]byte(field.Value))})
	}
	c.active[frame.StreamID] = started
	c.Calls = append(c.Calls, started)
	return nil
}

// As grpc-go's framer.readDataFrame, which does without the Framer's own.
func (c *connection) data(header http2.FrameHeader) error {
	if header.StreamID == 0 {
		return http2.ConnectionError(http2.ErrCodeProtocol)
	}
	payload := make([]byte, header.Length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		return err
	}
	if header.Flags.Has(http2.FlagDataPadded) {
		if len(payload) == 0 || int(payload[0]) > len(payload)-1 {
			return http2.ConnectionError(http2.ErrCodeProtocol)
		}
		payload = payload[1 : len(payload)-int(payload[0])]
	}
	call, ok := c.active[header.StreamID]
	if !ok {
		return nil
	}
	if call.isEnded {
		delete(c.active, header.StreamID)
		return nil
	}
	call.isEnded = header.Flags.Has(http2.FlagDataEndStream)
	call.take(payload)
	return nil
}

func latin1(text []byte) string {
	runes := make([]rune, len(text))
	for at, each := range text {
		runes[at] = rune(each)
	}
	return string(runes)
}
