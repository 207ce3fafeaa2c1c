package main

import (
	"errors"
	"io"
	"net"
	"sync"
)

// Below every endpoint's limit of handshakes under way.
const openingAtOnce = 16

// openCrowd opens count echo sessions and proves each by one byte there and back.
func openCrowd(endpoint *endpoint, count int) ([]net.Conn, error) {
	conns := make([]net.Conn, count)
	errs := make([]error, count)
	slots := make(chan struct{}, openingAtOnce)
	var group sync.WaitGroup
	for i := range count {
		group.Add(1)
		slots <- struct{}{}
		go func() {
			defer group.Done()
			defer func() { <-slots }()
			conns[i], errs[i] = openEcho(endpoint)
		}()
	}
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		closeAll(conns)
		return nil, err
	}
	return conns, nil
}

func openEcho(endpoint *endpoint) (net.Conn, error) {
	conn, err := endpoint.open(modeEcho, 0)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{1}); err != nil {
		conn.Close()
		return nil, err
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		if conn != nil {
			conn.Close()
		}
	}
}
