// What BuildKit's end reads of a client's bytes: frames and header blocks as grpc-go's server reads
// them, and the names in the messages of a few calls by BuildKit's own decoders.
//
// Standard input has records, each a length of four bytes and a client's side of one connection.
// Standard output has a line of JSON for each.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
)

const mostBytes = 64 << 20

func main() {
	log.SetFlags(0)
	out := bufio.NewWriter(os.Stdout)
	if len(os.Args) == 2 && os.Args[1] == "huffman" {
		check(json.NewEncoder(out).Encode(huffmanCodes()))
		check(out.Flush())
		return
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		record, err := next(in)
		if errors.Is(err, io.EOF) {
			return
		}
		check(err)
		check(json.NewEncoder(out).Encode(read(record)))
		// Whoever waits for an answer sends nothing more until it is there.
		if in.Buffered() == 0 {
			check(out.Flush())
		}
	}
}

func next(in io.Reader) ([]byte, error) {
	var length uint32
	if err := binary.Read(in, binary.BigEndian, &length); err != nil {
		return nil, err
	}
	if length > mostBytes {
		return nil, errors.New("a record is too long")
	}
	record := make([]byte, length)
	_, err := io.ReadFull(in, record)
	return record, err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
