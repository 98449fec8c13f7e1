package deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Target is a machine, and how to come in.
type Target struct {
	Name string // in messages and with output; the host's if empty
	Host string // an address or a name
	Port int    // 22 if zero
	User string // root if empty

	// At least one of these. They are tried in this order.
	Agent      string    // the socket of an SSH agent
	Key        op.Secret // a private key, in PEM
	Passphrase op.Secret // of Key, if it has one
	Password   op.Secret

	HostKeys HostKeys

	// Wait is how long a machine may take until it lets us in: one that was just
	// made has no address yet, or no SSH, or not yet our key. Zero is one attempt.
	Wait time.Duration

	// Output is called with every line that a command writes; it may be nil.
	Output func(Line)
}

// A Line is what a command wrote.
type Line struct {
	Name   string // the target's
	Text   string // without the line's end
	Stderr bool
}

// A Session is a connection to a machine. It may be used by several goroutines.
type Session struct {
	*link
	output func(Line)
}

// A link is what a session has in common with its quiet one.
type link struct {
	name     string
	client   *ssh.Client
	courtesy time.Duration // for an answer that nobody waits for any more

	mu   sync.Mutex
	sftp *sftp.Client
}

const (
	handshake  = 20 * time.Second // for one attempt to come in
	firstPause = 250 * time.Millisecond
	maxPause   = 3 * time.Second
	courtesy   = 15 * time.Second // see link
)

// Connect connects, and waits as long as the target may take.
func Connect(ctx context.Context, t Target) (*Session, error) {
	if t.Port == 0 {
		t.Port = 22
	}
	if t.User == "" {
		t.User = "root"
	}
	addr := net.JoinHostPort(t.Host, strconv.Itoa(t.Port))
	if t.Name == "" {
		t.Name = t.Host
	}
	if t.Host == "" {
		return nil, op.Errorf(op.InvalidArgument, "%s has no address to connect to", t.Name)
	}
	methods, closeAgent, err := t.methods(ctx)
	if err != nil {
		return nil, err
	}
	defer closeAgent()
	until := time.Now().Add(t.Wait)
	for pause := firstPause; ; pause = min(maxPause, pause*3/2) {
		checks, err := t.HostKeys.checks(addr)
		if err != nil {
			return nil, err
		}
		client, err := attempt(ctx, addr, t.User, methods, checks)
		if err == nil {
			return &Session{&link{name: t.Name, client: client, courtesy: courtesy}, t.Output}, nil
		}
		e := told(ctx, addr, t.User, err)
		if e.Kind == op.Unavailable && isAuthentication(err) {
			e.Kind = op.Unauthenticated
		}
		again := (e.Kind == op.Unavailable || e.Kind == op.Unauthenticated) && time.Now().Add(pause).Before(until)
		if !again {
			if t.Wait > 0 && e.Kind != op.PermissionDenied && ctx.Err() == nil {
				e.Message += fmt.Sprintf("; it was tried for %v", t.Wait)
			}
			return nil, e
		}
		select {
		case <-ctx.Done():
			return nil, told(ctx, addr, t.User, err)
		case <-time.After(pause):
		}
	}
}

// methods are the ways to authenticate.
func (t Target) methods(ctx context.Context) ([]ssh.AuthMethod, func(), error) {
	var methods []ssh.AuthMethod
	done := func() {}
	if t.Agent != "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", t.Agent)
		if err != nil {
			return nil, done, op.Errorf(op.Unauthenticated, "the SSH agent: %w", err)
		}
		done = func() { conn.Close() }
		methods = append(methods, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	if t.Key != "" {
		signer, err := signer(t.Key, t.Passphrase)
		if err != nil {
			done()
			return nil, func() {}, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if t.Password != "" {
		methods = append(methods, ssh.Password(t.Password.Reveal()))
	}
	if len(methods) == 0 {
		return nil, done, op.Errorf(op.InvalidArgument, "there is nothing to come in to %s with: give a key, an agent or a password", t.Name)
	}
	return methods, done, nil
}

func signer(key, passphrase op.Secret) (ssh.Signer, error) {
	if passphrase != "" {
		s, err := ssh.ParsePrivateKeyWithPassphrase([]byte(key.Reveal()), []byte(passphrase.Reveal()))
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "the private key cannot be read with this passphrase: %w", err)
		}
		return s, nil
	}
	s, err := ssh.ParsePrivateKey([]byte(key.Reveal()))
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, op.Errorf(op.InvalidArgument, "the private key has a passphrase: give it, or use an agent")
	case err != nil:
		return nil, op.Errorf(op.InvalidArgument, "this is no private key in PEM: %w", err)
	}
	return s, nil
}

// attempt tries to come in once, with each kind of host key that may be right.
func attempt(ctx context.Context, addr, user string, methods []ssh.AuthMethod, checks []check) (*ssh.Client, error) {
	var refused error
	for _, c := range checks {
		client, err := handshakeWith(ctx, addr, &ssh.ClientConfig{User: user, Auth: methods, HostKeyAlgorithms: c.algorithms, HostKeyCallback: c.callback})
		if err == nil {
			return client, nil
		}
		var negotiation *ssh.AlgorithmNegotiationError
		if e, ok := errors.AsType[*op.Error](err); !errors.As(err, &negotiation) && !(ok && e.Code == "host_key") {
			return nil, err
		}
		if refused == nil || !errors.As(err, &negotiation) {
			refused = err // a key that is not the one says more than none of the kind
		}
	}
	var negotiation *ssh.AlgorithmNegotiationError
	if errors.As(refused, &negotiation) {
		refused = &op.Error{Kind: op.PermissionDenied, Code: "host_key", Message: fmt.Sprintf("%s has no host key of the kind that is known of it: somebody may be in between", addr), Err: refused}
	}
	return nil, refused
}

func handshakeWith(ctx context.Context, addr string, config *ssh.ClientConfig) (*ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	// A machine that is gone is noticed in a minute, also while nothing is said.
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 3}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, addr, config)
	if !stop() || err != nil {
		conn.Close()
		return nil, errors.Join(context.Cause(ctx), err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

func isAuthentication(err error) bool {
	return strings.Contains(err.Error(), "unable to authenticate")
}

// told is an error of connecting in the terms of all errors.
func told(ctx context.Context, addr, user string, err error) *op.Error {
	if cause := ctx.Err(); cause != nil {
		return &op.Error{Kind: op.KindOf(cause), Message: fmt.Sprintf("connecting to %s by SSH: %v", addr, err), Err: err}
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	if isAuthentication(err) {
		return &op.Error{Kind: op.Unauthenticated, Message: fmt.Sprintf("%s lets nobody in as %s with what was given", addr, user), Err: err}
	}
	return &op.Error{Kind: op.Unavailable, Message: fmt.Sprintf("connecting to %s by SSH: %v", addr, err), Err: err}
}

// Name is the target's.
func (s *Session) Name() string { return s.name }

// Close ends the connection, and with it what still runs.
func (s *Session) Close() error {
	// A connection that was lost is closed already.
	gone := func(err error) bool { return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) }
	var errs []error
	// It goes first: SFTP's own end would wait for the machine.
	if err := s.client.Close(); err != nil && !gone(err) {
		errs = append(errs, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sftp != nil {
		if err := s.sftp.Close(); err != nil && !gone(err) {
			errs = append(errs, err)
		}
		s.sftp = nil
	}
	return errors.Join(errs...)
}

// Quiet returns the session without anybody who listens to what its commands
// write. It is not to be closed.
func (s *Session) Quiet() *Session { return &Session{link: s.link} }

// heed makes what is asked of the machine end with its context: SSH and SFTP wait
// for an answer for as long as there is a connection, so the connection goes when
// none has come for a while. It is over when the function that it returns is called.
func (l *link) heed(ctx context.Context) (over func()) {
	answered := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		late := time.NewTimer(l.courtesy)
		defer late.Stop()
		select {
		case <-answered:
		case <-late.C:
			l.client.Close()
		}
	})
	return func() { stop(); close(answered) }
}

// files is the connection's SFTP, begun when it is first needed.
func (l *link) files(ctx context.Context) (*sftp.Client, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sftp == nil {
		c, err := sftp.NewClient(l.client, sftp.UseConcurrentWrites(true))
		if err != nil {
			return nil, l.lost(ctx, fmt.Errorf("SFTP: %w", err))
		}
		l.sftp = c
	}
	return l.sftp, nil
}
