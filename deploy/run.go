package deploy

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Command is what to run.
type Command struct {
	Line    string            // for the shell; see [Quote]
	Shown   string            // what messages and results have in its place, where it holds what nobody is to see
	Env     map[string]string // variables, beside the machine's own
	Sudo    bool              // as root: by sudo without a password, unless the user is root
	Stdin   io.Reader         // nil is nothing
	Timeout time.Duration     // zero is none but the context's
}

// shown is what it is called.
func (c Command) shown() string { return cmp.Or(c.Shown, c.Line) }

// line is the command as the shell gets it. Variables are set by the command
// itself: a server takes them from nobody unless it was told to.
func (c Command) line() string {
	line := c.Line
	if len(c.Env) > 0 {
		words := []string{"env"}
		for k, v := range c.Env {
			words = append(words, k+"="+v)
		}
		slices.Sort(words[1:])
		line = Quote(append(words, "sh", "-c", c.Line)...)
	}
	if c.Sudo {
		shell := Quote("sh", "-c", line)
		line = `if [ "$(id -u)" -eq 0 ]; then exec ` + shell + `; else exec sudo -n -- ` + shell + `; fi`
	}
	return line
}

// Run runs a command and waits for its end. An exit status other than 0 is no
// error, but a part of the result. When the context ends, so does the command,
// with what it started.
func (s *Session) Run(ctx context.Context, c Command) (Result, error) {
	r := Result{Step: c.shown(), Changed: true}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	over := sync.OnceFunc(s.heed(ctx))
	defer over()
	session, err := s.client.NewSession()
	if err != nil {
		return r, s.lost(ctx, err)
	}
	defer session.Close()
	// The shell says first who it is: nothing but its number ends it, since a server
	// lets a command run on whose channel is closed.
	mark := "cloudlark-" + rand.Text()[:8] + " "
	stdout, stderr := &lines{s: s}, &lines{s: s, stderr: true, mark: mark, named: make(chan struct{})}
	session.Stdin, session.Stdout, session.Stderr = c.Stdin, stdout, stderr
	begin := time.Now()
	if err := session.Start("echo " + Quote(mark) + "$$ >&2\n" + c.line()); err != nil {
		return r, s.lost(ctx, err)
	}
	over()
	ended := make(chan error, 1)
	go func() { ended <- session.Wait() }()
	select {
	case err = <-ended:
	case <-ctx.Done():
		s.end(stderr, c.Sudo, ended)
		err = ctx.Err()
	}
	r.Took = time.Since(begin)
	r.Stdout, r.Stderr = stdout.end(), stderr.end()
	var exit *ssh.ExitError
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return r, s.lost(ctx, err)
	case errors.As(err, &exit) && exit.Signal() != "":
		r.Status = 128
		return r, op.Errorf(op.Conflict, "%s: the command was ended by the signal %s", s.name, exit.Signal())
	case errors.As(err, &exit):
		r.Status = exit.ExitStatus()
	default:
		return r, s.lost(ctx, err)
	}
	return r, nil
}

// end ends a command that was given up, as far as the machine still answers: its
// shell leads a group of processes.
func (s *Session) end(stderr *lines, sudo bool, ended <-chan error) {
	timer := time.NewTimer(5 * time.Second)
	defer timer.Stop()
	select {
	case <-stderr.named: // which may only come now
	case <-ended:
		return
	case <-timer.C:
		return
	}
	shell := stderr.shell()
	if _, err := strconv.Atoi(shell); err != nil {
		return
	}
	timer.Reset(5 * time.Second)
	for _, signal := range []string{"TERM", "KILL"} {
		go func() { // a connection that is dead keeps it until it is closed
			session, err := s.client.NewSession()
			if err != nil {
				return
			}
			defer session.Close()
			_ = session.Run(Command{Line: "kill -" + signal + " -- -" + shell, Sudo: sudo}.line())
		}()
		select {
		case <-ended:
			return
		case <-timer.C:
			timer.Reset(2 * time.Second)
		}
	}
}

// lost is the error of a connection that broke off, or was given up.
func (l *link) lost(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return op.Errorf(op.KindOf(cause), "%s: given up: %w", l.name, cause)
	}
	if e, ok := errors.AsType[*op.Error](err); ok {
		return e
	}
	return op.Errorf(op.Unavailable, "%s: the SSH connection: %w", l.name, err)
}

// kept is how much of a command's output is in its result.
const kept = 1 << 20

// lines cuts what a command writes into lines, hands them on, and keeps the end.
type lines struct {
	s      *Session
	stderr bool
	mark   string // what the first line begins with, which is for the session alone
	named  chan struct{}

	mu     sync.Mutex
	number string // that came after the mark; named is closed then
	part   []byte // of a line
	all    []byte
}

// shell is the number of the command's shell, as far as it has come.
func (l *lines) shell() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.number
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	if l.mark != "" && l.number == "" {
		l.part = append(l.part, p...)
		line, rest, whole := bytes.Cut(l.part, []byte("\n"))
		if !whole {
			return n, nil
		}
		number, ours := strings.CutPrefix(string(line), l.mark)
		if !ours { // the shell said something before, or is none
			rest, number = l.part, "none"
		}
		p = bytes.Clone(rest)
		l.number, l.part = number, l.part[:0]
		close(l.named)
	}
	l.take(p)
	return n, nil
}

func (l *lines) take(p []byte) {
	if l.all = append(l.all, p...); len(l.all) > 2*kept {
		l.all = append(l.all[:0], l.all[len(l.all)-kept:]...)
	}
	if l.s.output == nil {
		return
	}
	rest := p
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		l.emit(string(l.part) + string(rest[:i]))
		l.part, rest = l.part[:0], rest[i+1:]
	}
	if l.part = append(l.part, rest...); len(l.part) > 64<<10 {
		l.emit(string(l.part))
		l.part = l.part[:0]
	}
}

func (l *lines) emit(text string) {
	l.s.output(Line{Name: l.s.name, Text: strings.TrimSuffix(text, "\r"), Stderr: l.stderr})
}

// end hands on a last line without an end, and returns what was kept.
func (l *lines) end() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mark != "" && l.number == "" { // it ended before its shell began
		part := l.part
		l.number, l.part = "none", nil
		close(l.named)
		l.take(part)
	}
	if len(l.part) > 0 && l.s.output != nil {
		l.emit(string(l.part))
	}
	l.part = nil
	return string(l.all[max(0, len(l.all)-kept):])
}
