package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

// Long beyond any measurement: it only keeps a hang from lasting for ever.
const connectionDeadline = 2 * time.Minute

// endpoint is what is measured, and how we present ourselves to it.
type endpoint struct {
	address string
	config  *tls.Config
}

// endpointFlags adds the flags that name the endpoint; call the result once they are parsed.
func endpointFlags(flags *flag.FlagSet) func() (*endpoint, error) {
	address := flags.String("address", "", "host:port")
	name := flags.String("server-name", "", "the name that the server's certificate must have")
	ca := flags.String("ca", "", "PEM of whom to trust")
	cert := flags.String("cert", "", "PEM of the client's certificate")
	key := flags.String("key", "", "PEM of its key")
	return func() (*endpoint, error) {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		if err != nil {
			return nil, err
		}
		roots, err := loadPool(*ca)
		if err != nil {
			return nil, err
		}
		return &endpoint{address: *address, config: clientConfig(*name, roots, pair)}, nil
	}
}

func clientConfig(name string, roots *x509.CertPool, pair tls.Certificate) *tls.Config {
	return &tls.Config{
		ServerName:       name,
		RootCAs:          roots,
		Certificates:     []tls.Certificate{pair},
		MinVersion:       tls.VersionTLS13,
		NextProtos:       []string{"h2"},
		CurvePreferences: []tls.CurveID{tls.X25519},
	}
}

// dial connects, shakes hands, and checks that what was agreed is the same for every endpoint.
func (e *endpoint) dial() (*tls.Conn, error) {
	conn, err := tls.Dial("tcp", e.address, e.config)
	if err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	if state.Version != tls.VersionTLS13 || state.CipherSuite != tls.TLS_AES_128_GCM_SHA256 || state.NegotiatedProtocol != "h2" {
		conn.Close()
		return nil, fmt.Errorf("agreed on %s, %s and %q: not what the others use", tls.VersionName(state.Version),
			tls.CipherSuiteName(state.CipherSuite), state.NegotiatedProtocol)
	}
	return conn, conn.SetDeadline(time.Now().Add(connectionDeadline))
}

// open is dial, and a call whose first bytes tell the far end what to do.
func (e *endpoint) open(m mode, count int64) (net.Conn, error) {
	conn, err := e.dial()
	if err != nil {
		return nil, err
	}
	call, err := beginCall(conn)
	if err == nil {
		err = writeHeader(call, m, count)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return call, nil
}

func servingConfig(cert, key, ca string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	clients, err := loadPool(ca)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{pair},
		ClientCAs:              clients,
		ClientAuth:             tls.RequireAndVerifyClientCert,
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{"h2"},
		SessionTicketsDisabled: true,
	}, nil
}

func loadPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New(file + " holds no certificate")
	}
	return pool, nil
}
