package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// A chain and a key have some kilobytes.
const ticketMaxBytes = 1 << 20

// ticket is a build that was opened, a line of standard input each. The key is never in a file.
type ticket struct {
	ID   string `json:"id"`
	CA   string `json:"ca"`
	Cert string `json:"cert"`
	Key  string `json:"key"`
	Name string `json:"serverName"`
}

// sessionNews is a line of standard output: first that the session is there, or is refused, then
// that it was ended by the other side.
type sessionNews struct {
	ID string `json:"id"`
	Is string `json:"is"`
	// From the first packet to BuildKit's first frame.
	Ms float64 `json:"ms,omitempty"`
	// Why there is none.
	Failure string `json:"failure,omitempty"`
}

type opensResult struct {
	Sessions int `json:"sessions"`
}

// opens dials for each build as soon as its ticket is read, as its client would, and keeps the
// session until the other side ends it. It ends with its standard input.
func opens(args []string) (any, error) {
	flags := flag.NewFlagSet("opens", flag.ContinueOnError)
	address := flags.String("address", "", "host:port")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var out sync.Mutex
	tell := func(news sessionNews) {
		out.Lock()
		defer out.Unlock()
		// Whoever reads it may be gone; standard input says so.
		_ = printJSON(news)
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, ticketMaxBytes)
	sessions := 0
	for lines.Scan() {
		var held ticket
		if err := json.Unmarshal(lines.Bytes(), &held); err != nil {
			return nil, err
		}
		endpoint, err := held.endpoint(*address)
		if err != nil {
			return nil, err
		}
		sessions++
		go hold(endpoint, held.ID, tell)
	}
	return opensResult{sessions}, lines.Err()
}

func hold(endpoint *endpoint, id string, tell func(sessionNews)) {
	started := time.Now()
	conn, err := endpoint.dial()
	if err != nil {
		tell(sessionNews{ID: id, Is: "refused", Failure: err.Error()})
		return
	}
	defer conn.Close()
	if err := greeted(conn); err != nil {
		tell(sessionNews{ID: id, Is: "refused", Failure: err.Error()})
		return
	}
	tell(sessionNews{ID: id, Is: "open", Ms: float64(time.Since(started).Microseconds()) / 1_000})
	_, _ = io.Copy(io.Discard, conn)
	tell(sessionNews{ID: id, Is: "closed"})
}

func (t ticket) endpoint(address string) (*endpoint, error) {
	pair, err := tls.X509KeyPair([]byte(t.Cert), []byte(t.Key))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", t.ID, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM([]byte(t.CA)) {
		return nil, errors.New("build " + t.ID + " names no CA")
	}
	return &endpoint{address: address, config: clientConfig(t.Name, roots, pair)}, nil
}
