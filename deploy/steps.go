package deploy

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// A Key lets the holder of a private key in, as the session's user.
type Key struct {
	Public string // in the form of authorized_keys
}

func (k Key) String() string { return "key" }

func (k Key) apply(ctx context.Context, s *Session) (Result, error) {
	key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(k.Public))
	if err != nil {
		return Result{}, op.Errorf(op.InvalidArgument, "this is no public key in the form of authorized_keys, like \"ssh-ed25519 AAAA…\": %w", err)
	}
	bare := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	line := strings.TrimSpace(bare + " " + comment)
	r, err := s.Quiet().Run(ctx, Command{Line: "umask 077; mkdir -p ~/.ssh && touch ~/.ssh/authorized_keys || exit 1\n" +
		"grep -v '^[[:space:]]*#' ~/.ssh/authorized_keys | grep -qF -- " + Quote(bare) + " && exit 0\n" +
		// A last line without an end would swallow the new one.
		`[ -z "$(tail -c 1 ~/.ssh/authorized_keys)" ] || echo >> ~/.ssh/authorized_keys` + "\n" +
		"printf '%s\\n' " + Quote(line) + " >> ~/.ssh/authorized_keys && echo added"})
	r.Changed = strings.Contains(r.Stdout, "added")
	return r, err
}

// A Run is a command.
type Run struct {
	Command
	Creates string // a file that says that it was done: the command is left out if it is there
}

func (r Run) String() string { return "run " + first(r.shown()) }

func (r Run) apply(ctx context.Context, s *Session) (Result, error) {
	if done, err := s.created(ctx, r.Creates, r.Sudo); done || err != nil {
		return Result{}, err
	}
	return s.Run(ctx, r.Command)
}

// first is a line's beginning, for messages.
func first(line string) string {
	line, _, more := strings.Cut(line, "\n")
	if len(line) > 60 {
		return line[:60] + "…"
	}
	if more {
		return line + " …"
	}
	return line
}

// created reports whether the file is there that a step makes.
func (s *Session) created(ctx context.Context, name string, sudo bool) (bool, error) {
	if name == "" {
		return false, nil
	}
	r, err := s.Quiet().Run(ctx, Command{Line: "test -e " + Quote(plain(name)), Sudo: sudo})
	return err == nil && r.Status == 0, err
}

// A Script is sent, run and removed again.
type Script struct {
	Text    string            // what it is: by its first line's #!, or sh
	Name    string            // in messages
	Args    []string          // what it is run with
	Env     map[string]string // as a Command's
	Sudo    bool              // as a Command's
	Timeout time.Duration     // as a Command's
	Creates string            // as a Run's
}

func (c Script) String() string {
	if c.Name != "" {
		return "script " + c.Name
	}
	return "script " + first(strings.TrimSpace(strings.TrimPrefix(c.Text, "#!")))
}

func (c Script) apply(ctx context.Context, s *Session) (r Result, err error) {
	if done, err := s.created(ctx, c.Creates, c.Sudo); done || err != nil {
		return Result{}, err
	}
	name := "/tmp/cloudlark-" + rand.Text()[:12]
	if _, err := (File{Path: name, Content: []byte(c.Text), Mode: 0o700}).apply(ctx, s); err != nil {
		return Result{}, err
	}
	defer func() {
		// Also when the context has ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = s.Quiet().Run(ctx, Command{Line: "rm -f " + name})
	}()
	// Named by its interpreter, it runs also where nothing in /tmp may be executed.
	words := []string{"sh"}
	if line, ok := strings.CutPrefix(c.Text, "#!"); ok {
		line, _, _ = strings.Cut(line, "\n")
		words = strings.Fields(line)
	}
	line := Quote(append(append(words, name), c.Args...)...)
	return s.Run(ctx, Command{Line: line, Env: c.Env, Sudo: c.Sudo, Timeout: c.Timeout})
}

// CloudInit waits until cloud-init has done what the machine's user data says. A
// machine without cloud-init is ready at once; one where it failed is an error.
type CloudInit struct {
	Timeout time.Duration // zero is none but the context's
}

func (CloudInit) String() string { return "cloud-init" }

func (c CloudInit) apply(ctx context.Context, s *Session) (Result, error) {
	r, err := s.Quiet().Run(ctx, Command{Timeout: c.Timeout,
		Line: "command -v cloud-init >/dev/null || exit 0; cloud-init status --wait --long"})
	r.Changed = false
	if r.Status == 2 { // it had something to complain of, and is done
		r.Status = 0
	}
	return r, err
}
