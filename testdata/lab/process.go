package lab

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// A process is a server that runs.
type process struct {
	server *server
	addr   string // host:port where it is to listen
	dir    string // for all that it writes
	secret string // nobody else knows it: for credentials, and to tell p from another

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process is gone
	err   error         // of its end
}

// launch runs the server that is installed in home. It is up to [process.await]
// to tell how that goes.
func (s *server) launch(home, dir string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	p := &process{server: s, addr: addr, dir: dir, secret: rand.Text(), ended: make(chan struct{})}
	log, err := os.Create(p.logFile())
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = s.command(home, p)
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	tie(p.cmd)

	started := make(chan error)
	go func() {
		// The process is tied to this thread, which therefore must outlive it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// await waits until p is ready.
func (p *process) await() error {
	const within = 2 * time.Minute // generous: the machine may be busy with other tests
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		err := p.server.ready(p)
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-p.ended:
			if p.err == nil {
				return errors.New("it ended by itself")
			}
			return fmt.Errorf("it ended by itself: %w", p.err)
		case <-deadline.C:
			return fmt.Errorf("not ready within %v: %w", within, err)
		}
	}
}

// lostPort tells whether p ended because another process has its port.
func (p *process) lostPort() bool {
	select {
	case <-p.ended:
		return bytes.Contains(bytes.ToLower(p.log()), []byte("already in use"))
	default:
		return false
	}
}

// stop ends p and waits until it is gone. It does not ask: nothing that p holds
// is wanted any more.
func (p *process) stop() error {
	select {
	case <-p.ended: // and its id may be another's by now
	default:
		kill(p.cmd.Process)
		<-p.ended
	}
	if p.server.gone == nil {
		return nil
	}
	return p.server.gone(p)
}

func (p *process) logFile() string { return filepath.Join(p.dir, "log") }

// log returns what p has printed.
func (p *process) log() []byte {
	b, _ := os.ReadFile(p.logFile()) // a log that can't be read says nothing
	return b
}

// tail returns the last lines of p's log.
func (p *process) tail() []byte {
	const most = 4 << 10
	b := bytes.TrimSpace(p.log())
	if len(b) > most {
		b = b[len(b)-most:]
		_, b, _ = bytes.Cut(b, []byte("\n")) // the first line lacks its beginning
	}
	return b
}

// freeAddr returns an address of the loopback interface where nobody listens,
// at the moment. Its port is below those that systems give to connections of
// clients: a server may take long until it listens, and meanwhile each of the many
// connections that others make would have a chance to get the port.
func freeAddr() (string, error) {
	const first, after = 20000, 30000
	var failure error
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+mathrand.IntN(after-first)))
		if err == nil {
			defer l.Close()
			return l.Addr().String(), nil
		}
		failure = err
	}
	return "", failure
}

// get returns the header of the answer to a GET of url, which is an error unless
// it says OK.
func get(url string) (http.Header, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true // or an idle connection would outlive the test
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return resp.Header, nil
}
