package main

import (
	"encoding/binary"
	"fmt"

	content "github.com/containerd/containerd/api/services/content/v1"
	control "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/proto"
)

const (
	prefixBytes = 5
	controlPath = "/moby.buildkit.v1.Control/"
	contentPath = "/containerd.services.content.v1.Content/"
)

// Of grpc-go's server: it reads one message, and what comes after it is not looked at.
func (c *call) take(data []byte) {
	if c.IsWhole {
		return
	}
	c.came = append(c.came, data...)
	if len(c.came) < prefixBytes {
		return
	}
	length := uint64(binary.BigEndian.Uint32(c.came[1:]))
	if uint64(len(c.came)-prefixBytes) < length {
		return
	}
	c.IsWhole = true
	message := c.came[prefixBytes : prefixBytes+length]
	c.Message = message
	if c.came[0] != 0 {
		c.Unread = fmt.Sprintf("compressed: %d", c.came[0])
	} else if names, err := namesIn(c.path(), message); err != nil {
		c.Unread = err.Error()
	} else {
		c.Names = names
	}
	c.came = nil
}

func (c *call) path() string {
	for _, field := range c.Fields {
		if field[0] == ":path" {
			return field[1]
		}
	}
	return ""
}

// By the decoder that BuildKit's codec uses for the type: the generated one, where it has one.
func namesIn(path string, message []byte) (map[int]string, error) {
	switch path {
	case controlPath + "Solve":
		m := &control.SolveRequest{}
		err := m.UnmarshalVT(message)
		return fields(1, m.Ref, 5, m.Session, 15, m.SourcePolicySession), err
	case controlPath + "Status":
		m := &control.StatusRequest{}
		err := m.UnmarshalVT(message)
		return fields(1, m.Ref), err
	case controlPath + "ListenBuildHistory":
		m := &control.BuildHistoryRequest{}
		err := m.UnmarshalVT(message)
		return fields(2, m.Ref), err
	case controlPath + "UpdateBuildHistory":
		m := &control.UpdateBuildHistoryRequest{}
		err := m.UnmarshalVT(message)
		return fields(1, m.Ref), err
	case contentPath + "Info":
		m := &content.InfoRequest{}
		err := proto.Unmarshal(message, m)
		return fields(1, m.Digest), err
	case contentPath + "Read":
		m := &content.ReadContentRequest{}
		err := proto.Unmarshal(message, m)
		return fields(1, m.Digest), err
	}
	return nil, nil
}

func fields(numbersAndTexts ...any) map[int]string {
	found := map[int]string{}
	for at := 0; at < len(numbersAndTexts); at += 2 {
		if text := numbersAndTexts[at+1].(string); text != "" {
			found[numbersAndTexts[at].(int)] = latin1([]byte(text))
		}
	}
	return found
}
