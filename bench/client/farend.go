package main

import (
	"crypto/rand"
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// farEnd stands where BuildKit stands: behind a unix socket. With -tls it also serves without any
// proxy, on a free port, which shows the most that client and far end can do together. It prints
// {"address"} when both are open, and ends with its standard input.
func farEnd(args []string) (any, error) {
	flags := flag.NewFlagSet("far-end", flag.ContinueOnError)
	socket := flags.String("socket", "", "path of the unix socket")
	cert := flags.String("cert", "", "PEM of the certificate for serving without a proxy")
	key := flags.String("key", "", "PEM of its key")
	ca := flags.String("ca", "", "PEM of whom to trust for client certificates")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	config, err := servingConfig(*cert, *key, *ca)
	if err != nil {
		return nil, err
	}
	behind, err := net.Listen("unix", *socket)
	if err != nil {
		return nil, err
	}
	direct, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		return nil, err
	}
	chunk := make([]byte, chunkBytes)
	if _, err := rand.Read(chunk); err != nil {
		return nil, err
	}
	go serve(behind, chunk)
	go serve(direct, chunk)
	if err := printJSON(map[string]string{"address": direct.Addr().String()}); err != nil {
		return nil, err
	}
	waitForEnd()
	_ = behind.Close()
	return struct{}{}, nil
}

func waitForEnd() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		ended <- syscall.SIGTERM
	}()
	<-ended
}

func serve(listener net.Listener, chunk []byte) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if err := attend(conn, chunk); err != nil {
				fmt.Fprintf(os.Stderr, "far end: %v\n", err)
			}
		}()
	}
}

// attend does what the header asks. A connection that ends before its header is none of ours: a
// probe, or a client that was refused.
func attend(raw net.Conn, chunk []byte) error {
	conn, err := acceptCall(raw)
	if err != nil {
		return nil
	}
	m, count, err := readHeader(conn)
	if err != nil {
		return nil
	}
	switch m {
	case modeSink:
		if err := readCount(conn, make([]byte, chunkBytes), count); err != nil {
			return err
		}
		_, err := conn.Write([]byte{1})
		return err
	case modeSource:
		if err := writeCount(conn, chunk, count); err != nil {
			return err
		}
		// The client closes first, so that its last bytes are never cut by us.
		_, _ = conn.Read(make([]byte, 1))
		return nil
	case modeEcho:
		return echo(conn)
	default:
		return fmt.Errorf("%q is no mode", m)
	}
}

const echoBufferBytes = 32 << 10

func echo(conn net.Conn) error {
	buffer := make([]byte, echoBufferBytes)
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return nil
		}
		if _, err := conn.Write(buffer[:n]); err != nil {
			return nil
		}
	}
}
