package builtins

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/deploy"
	"github.com/cloudlark/cloudlark/drivers/compute/sshkey"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// sshModule is ssh: what package deploy has, for scripts. Hosts must be granted.
//
//	ssh.connect(host, user="root", key=…, host_key=…, timeout="30s")   a session: run, deploy, read, close
//	ssh.file(path, content), ssh.dir(path, source), ssh.script(text), ssh.run(command), ssh.key(public), ssh.cloud_init()   steps
//	ssh.cloud_config(packages=[…], …)                                   user data
//	ssh.new_key(comment)                                                an ed25519 key
//
// node.deploy and cloud.deploy_node are in ssh_node.go.
func (r *run) sshModule() *starlarkstruct.Module {
	m := &starlarkstruct.Module{Name: "ssh", Members: starlark.StringDict{}}
	for name, f := range map[string]func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error){
		"connect": sshConnect, "file": r.sshFile, "dir": r.sshDir, "script": sshScript, "run": sshRun, "key": sshKey, "cloud_init": sshCloudInit,
		"cloud_config": cloudConfig, "new_key": newKey,
	} {
		m.Members[name] = starlark.NewBuiltin("ssh."+name, f)
	}
	m.Freeze()
	return m
}

// A way is how to come in: what ssh.connect and node.deploy take alike.
type way struct {
	user, name, hostKeys          starlark.Value
	key, passphrase, password     starlark.Value
	agent                         bool
	port                          int
	timeout                       starlark.Value
	keys                          []string // of the host, as they were given
	console                       bool     // the host's keys are those that its console shows
	patience                      time.Duration
	private, passphrases, secrets op.Secret
}

// pairs are its arguments, for starlark.UnpackArgs.
func (w *way) pairs() []any {
	return []any{"user?", &w.user, "key?", &w.key, "passphrase?", &w.passphrase, "password?", &w.password, "agent?", &w.agent, "port?", &w.port,
		"host_key?", &w.hostKeys, "timeout?", &w.timeout, "name?", &w.name}
}

// read checks what was given.
func (w *way) read(builtin string, patience time.Duration) (err error) {
	wrong := func(name string, err error) error {
		return op.Errorf(op.InvalidArgument, "%s: %s: %w", builtin, name, err)
	}
	if w.patience, err = lib.Duration(w.timeout, patience); err != nil {
		return wrong("timeout", err)
	}
	for _, f := range []struct {
		name string
		v    starlark.Value
		to   *op.Secret
	}{{"key", w.key, &w.private}, {"passphrase", w.passphrase, &w.passphrases}, {"password", w.password, &w.secrets}} {
		switch v := f.v.(type) {
		case nil, starlark.NoneType:
		case starlark.String:
			*f.to = op.Secret(v)
		case secret:
			*f.to = op.Secret(v)
		case *record:
			private := v.typ.Field("private_key")
			if f.name != "key" || private == nil || v.v.FieldByIndex(private.Index).IsZero() {
				return wrong(f.name, fmt.Errorf("this %s has no private key: only the answer of create_key_pair has", v.typ.Name))
			}
			*f.to = v.v.FieldByIndex(private.Index).Interface().(op.Secret)
		case *starlarkstruct.Struct:
			private, err := v.Attr("private_key")
			s, ok := private.(secret)
			if err != nil || !ok {
				return wrong(f.name, errors.New("want a private key as a string or a secret"))
			}
			*f.to = op.Secret(s)
		default:
			return wrong(f.name, fmt.Errorf("want a string or a secret, not %s", v.Type()))
		}
	}
	switch v := w.hostKeys.(type) {
	case nil, starlark.NoneType:
	case starlark.String:
		if w.console = v == "console"; !w.console {
			w.keys = []string{string(v)}
		}
	case starlark.Iterable:
		for e := range starlark.Elements(v) {
			s, ok := starlark.AsString(e)
			if !ok {
				return wrong("host_key", fmt.Errorf("want strings, not %s", e.Type()))
			}
			w.keys = append(w.keys, s)
		}
	default:
		return wrong("host_key", fmt.Errorf("want a public key, a fingerprint, or a list of these, not %s", v.Type()))
	}
	return nil
}

func text(v starlark.Value) string {
	s, _ := starlark.AsString(v)
	return s
}

// connect connects, if the host is granted.
func (s *scope) connect(builtin string, w *way, host, alias string) (*session, error) {
	if !lib.HostGranted(s.Grants.SSH, host) {
		return nil, op.Errorf(op.PermissionDenied, "%s: %s is not granted: allow it with --allow-ssh %s, or with ssh in the [policy] of cloudlark.toml", builtin, host, host)
	}
	target := deploy.Target{Host: host, Port: w.port, User: text(w.user), Name: text(w.name), Key: w.private, Passphrase: w.passphrases, Password: w.secrets,
		HostKeys: deploy.HostKeys{Pinned: w.keys, File: s.KnownHosts, Alias: alias}, Wait: w.patience}
	if w.agent {
		if target.Agent = os.Getenv("SSH_AUTH_SOCK"); target.Agent == "" {
			return nil, op.Errorf(op.Unauthenticated, "%s: there is no SSH agent: SSH_AUTH_SOCK is not set", builtin)
		}
	}
	if len(target.HostKeys.Pinned) == 0 && target.HostKeys.File == "" {
		return nil, op.Errorf(op.InvalidArgument, "%s: host_key is missing: this host keeps no file of known hosts", builtin)
	}
	out := printer{s.run}
	target.Output = func(l deploy.Line) { fmt.Fprintf(out, "%s: %s\n", l.Name, l.Text) }
	c, err := deploy.Connect(s.ctx, target)
	if err != nil {
		return nil, err
	}
	ssh := &session{c}
	s.keep(ssh)
	return ssh, nil
}

func sshConnect(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var host string
	var w way
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, append([]any{"host", &host}, w.pairs()...)...); err != nil {
		return nil, err
	}
	if err := w.read(b.Name(), 30*time.Second); err != nil {
		return nil, err
	}
	if w.console {
		return nil, op.Errorf(op.InvalidArgument, "%s: host_key: only a node has a console: use node.deploy", b.Name())
	}
	return scopeOf(t).connect(b.Name(), &w, host, "")
}

// A session is a connection to a machine in a script's hands.
type session struct{ *deploy.Session }

func (s *session) String() string        { return fmt.Sprintf("<ssh session %q>", s.Name()) }
func (s *session) Type() string          { return "ssh_session" }
func (s *session) Freeze()               {}
func (s *session) Truth() starlark.Bool  { return true }
func (s *session) Hash() (uint32, error) { return 0, errors.New("unhashable type: ssh_session") }
func (s *session) AttrNames() []string   { return []string{"close", "deploy", "name", "read", "run"} }

func (s *session) Attr(name string) (starlark.Value, error) {
	switch name {
	case "name":
		return starlark.String(s.Name()), nil
	case "run":
		return starlark.NewBuiltin(name, s.run), nil
	case "deploy":
		return starlark.NewBuiltin(name, s.deploy), nil
	case "read":
		return starlark.NewBuiltin(name, s.read), nil
	case "close":
		return starlark.NewBuiltin(name, func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
			if err := starlark.UnpackArgs(b.Name(), args, kwargs); err != nil {
				return nil, err
			}
			scopeOf(t).forget(s)
			return starlark.None, s.Close()
		}), nil
	}
	return nil, nil
}

// run runs a command and returns its result. It is an error if it fails, unless
// check is False.
func (s *session) run(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var c command
	check, show := true, false
	var stdin starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(c.pairs("command"), "stdin?", &stdin, "check?", &check, "show?", &show)...); err != nil {
		return nil, err
	}
	line, err := c.read(b.Name())
	if err != nil {
		return nil, err
	}
	switch v := stdin.(type) {
	case nil, starlark.NoneType:
	case starlark.String:
		line.Stdin = strings.NewReader(string(v))
	case secret:
		line.Stdin = strings.NewReader(v.Reveal())
	case io.Reader:
		line.Stdin = v
	default:
		return nil, op.Errorf(op.InvalidArgument, "%s: stdin: want a string, a secret or a stream, not %s", b.Name(), v.Type())
	}
	session := s.Quiet()
	if show {
		session = s.Session
	}
	if check {
		results, err := session.Deploy(scopeOf(t).ctx, deploy.Run{Command: line})
		if err != nil {
			return nil, err
		}
		return newRecord(reflect.ValueOf(results[0]), nil), nil
	}
	r, err := session.Run(scopeOf(t).ctx, line)
	if err != nil {
		return nil, err
	}
	return newRecord(reflect.ValueOf(r), nil), nil
}

func (s *session) deploy(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var steps starlark.Value
	show := true
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "steps", &steps, "show?", &show); err != nil {
		return nil, err
	}
	list, err := stepsOf(b.Name(), steps)
	if err != nil {
		return nil, err
	}
	return s.apply(scopeOf(t).ctx, list, show)
}

func (s *session) apply(ctx context.Context, steps []deploy.Step, show bool) (starlark.Value, error) {
	session := s.Session
	if !show {
		session = s.Quiet()
	}
	results, err := session.Deploy(ctx, steps...)
	if err != nil {
		return nil, err
	}
	list := make([]starlark.Value, len(results))
	for i, r := range results {
		list[i] = newRecord(reflect.ValueOf(r), nil)
	}
	return starlark.NewList(list), nil
}

func (s *session) read(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var name string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &name); err != nil {
		return nil, err
	}
	var text limited
	if _, err := s.Download(scopeOf(t).ctx, name, &text); err != nil {
		return nil, err
	}
	return starlark.String(text.String()), nil
}

// limited is a text that does not become too long.
type limited struct{ strings.Builder }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxRead {
		return 0, op.Errorf(op.InvalidArgument, "the file has more than %d MiB", maxRead>>20)
	}
	return l.Builder.Write(p)
}

// A step is a deploy.Step in a script's hands.
type step struct{ deploy.Step }

func (s step) String() string        { return "<step " + s.Step.String() + ">" }
func (s step) Type() string          { return "step" }
func (s step) Freeze()               {}
func (s step) Truth() starlark.Bool  { return true }
func (s step) Hash() (uint32, error) { return 0, errors.New("unhashable type: step") }

// stepsOf reads a step, or a list of steps, which may be in lists themselves.
func stepsOf(builtin string, v starlark.Value) ([]deploy.Step, error) {
	switch v := v.(type) {
	case step:
		return []deploy.Step{v.Step}, nil
	case starlark.Iterable:
		var all []deploy.Step
		for e := range starlark.Elements(v) {
			some, err := stepsOf(builtin, e)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		return all, nil
	}
	return nil, op.Errorf(op.InvalidArgument, "%s: want a step, such as ssh.run(…), or a list of steps, not %s", builtin, v.Type())
}

// A command is what ssh.run, ssh.script and a session's run have alike.
type command struct {
	what    starlark.Value
	env     *starlark.Dict
	sudo    bool
	timeout starlark.Value
}

func (c *command) pairs(name string) []any {
	return []any{name, &c.what, "env?", &c.env, "sudo?", &c.sudo, "timeout?", &c.timeout}
}

// read returns the command. A list is words, which are quoted; a string is a line of the shell.
func (c *command) read(builtin string) (deploy.Command, error) {
	d := deploy.Command{Sudo: c.sudo}
	switch v := c.what.(type) {
	case starlark.String:
		d.Line = string(v)
	case starlark.Iterable:
		words, shown, err := texts(v)
		if err != nil {
			return d, op.Errorf(op.InvalidArgument, "%s: %w", builtin, err)
		}
		d.Line, d.Shown = deploy.Quote(words...), deploy.Quote(shown...)
	default:
		return d, op.Errorf(op.InvalidArgument, "%s: want a string or a list of words, not %s", builtin, v.Type())
	}
	var err error
	if d.Timeout, err = lib.Duration(c.timeout, 0); err != nil {
		return d, op.Errorf(op.InvalidArgument, "%s: timeout: %w", builtin, err)
	}
	if c.env != nil {
		d.Env = map[string]string{}
		for _, item := range c.env.Items() {
			k, ok := starlark.AsString(item[0])
			if !ok || k == "" || strings.ContainsAny(k, "= \n") {
				return d, op.Errorf(op.InvalidArgument, "%s: env: %s is no name of a variable", builtin, item[0])
			}
			if d.Env[k], err = word(item[1]); err != nil {
				return d, op.Errorf(op.InvalidArgument, "%s: env: %s: %w", builtin, k, err)
			}
		}
	}
	return d, nil
}

// texts are words: strings, numbers, and secrets, which a command may need; and
// what is shown of them.
func texts(v starlark.Iterable) (words, shown []string, err error) {
	for e := range starlark.Elements(v) {
		w, err := word(e)
		if err != nil {
			return nil, nil, err
		}
		words = append(words, w)
		if s, ok := e.(secret); ok {
			w = s.String()
		}
		shown = append(shown, w)
	}
	return words, shown, nil
}

func word(v starlark.Value) (string, error) {
	switch v := v.(type) {
	case starlark.String:
		return string(v), nil
	case starlark.Int, starlark.Float:
		return v.String(), nil
	case secret:
		return v.Reveal(), nil
	}
	return "", fmt.Errorf("want strings, numbers or secrets, not %s", v.Type())
}

func sshRun(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var c command
	var creates string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(c.pairs("command"), "creates?", &creates)...); err != nil {
		return nil, err
	}
	line, err := c.read(b.Name())
	return step{deploy.Run{Command: line, Creates: creates}}, err
}

func sshScript(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var c command
	var creates, name string
	var words *starlark.List
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, append(c.pairs("text"), "args?", &words, "creates?", &creates, "name?", &name)...); err != nil {
		return nil, err
	}
	if _, ok := c.what.(starlark.String); !ok {
		return nil, op.Errorf(op.InvalidArgument, "%s: text: want a string, as read_file returns it, not %s", b.Name(), c.what.Type())
	}
	line, err := c.read(b.Name())
	if err != nil {
		return nil, err
	}
	s := deploy.Script{Text: line.Line, Name: name, Env: line.Env, Sudo: line.Sudo, Timeout: line.Timeout, Creates: creates}
	if words != nil {
		if s.Args, _, err = texts(words); err != nil {
			return nil, op.Errorf(op.InvalidArgument, "%s: args: %w", b.Name(), err)
		}
	}
	return step{s}, nil
}

// sshFile takes its content as a string, as bytes, or from open_file.
func (r *run) sshFile(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	f := deploy.File{}
	var content starlark.Value
	mode := 0o644
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &f.Path, "content", &content, "mode?", &mode, "owner?", &f.Owner, "sudo?", &f.Sudo); err != nil {
		return nil, err
	}
	if mode < 1 || mode > 0o777 {
		return nil, op.Errorf(op.InvalidArgument, "%s: mode: want permissions such as 0o644, not %d", b.Name(), mode)
	}
	f.Mode = fs.FileMode(mode)
	switch v := content.(type) {
	case starlark.String:
		f.Content = []byte(v)
	case starlark.Bytes:
		f.Content = []byte(v)
	case secret:
		f.Content = []byte(op.Secret(v).Reveal())
	case *lib.File:
		name, _ := v.Attr("name")
		f.Source, f.Name = opened{v}, text(name)
	default:
		return nil, op.Errorf(op.InvalidArgument, "%s: content: want a string, bytes, a secret, or what open_file returns, not %s", b.Name(), v.Type())
	}
	return step{f}, nil
}

// opened is a file system of one file, which several steps may read at once.
type opened struct{ file *lib.File }

func (o opened) Open(string) (fs.File, error) {
	info, err := o.file.Stat()
	if err != nil {
		return nil, err
	}
	return section{io.NewSectionReader(o.file, 0, info.Size()), info}, nil
}

type section struct {
	*io.SectionReader
	info fs.FileInfo
}

func (s section) Stat() (fs.FileInfo, error) { return s.info, nil }
func (s section) Close() error               { return nil }

func (r *run) sshDir(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	d := deploy.Dir{}
	var source string
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "path", &d.Path, "source", &source, "owner?", &d.Owner, "sudo?", &d.Sudo); err != nil {
		return nil, err
	}
	root, below, err := r.Grants.Folder(b.Name(), source)
	if err != nil {
		return nil, err
	}
	r.keep(root)
	if d.Source, err = fs.Sub(root.FS(), below); err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: source: %w", b.Name(), err)
	}
	return step{d}, nil
}

func sshKey(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var v starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "public_key", &v); err != nil {
		return nil, err
	}
	line, ok := starlark.AsString(v)
	if has, is := v.(starlark.HasAttrs); is && !ok {
		if public, err := has.Attr("public_key"); err == nil {
			line, ok = starlark.AsString(public)
		}
	}
	if !ok {
		return nil, op.Errorf(op.InvalidArgument, "%s: want a public key or a key pair, not %s", b.Name(), v.Type())
	}
	if _, err := sshkey.Parse(line); err != nil {
		return nil, err
	}
	return step{deploy.Key{Public: line}}, nil
}

func sshCloudInit(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var timeout starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "timeout?", &timeout); err != nil {
		return nil, err
	}
	limit, err := lib.Duration(timeout, 10*time.Minute)
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: timeout: %w", b.Name(), err)
	}
	return step{deploy.CloudInit{Timeout: limit}}, nil
}

// cloudConfig makes user data of cloud-init's own words: ssh.cloud_config(packages
// = ["nginx"], runcmd = [["systemctl", "enable", "nginx"]]). What it returns is
// JSON, which is YAML.
func cloudConfig(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 0 {
		return nil, op.Errorf(op.InvalidArgument, "%s takes cloud-init's modules by name, as in packages = [\"nginx\"]", b.Name())
	}
	config := map[string]any{}
	for _, kv := range kwargs {
		v, err := argument(kv[1])
		if err != nil {
			return nil, op.Errorf(op.InvalidArgument, "%s: %s: %w", b.Name(), text(kv[0]), err)
		}
		config[text(kv[0])] = revealed(unhold(v))
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return nil, op.Errorf(op.InvalidArgument, "%s: %w", b.Name(), err)
	}
	return starlark.String("#cloud-config\n" + string(data) + "\n"), nil
}

// revealed is a value with its secrets: a machine is to get them.
func revealed(v any) any {
	switch v := v.(type) {
	case op.Secret:
		return v.Reveal()
	case []any:
		for i := range v {
			v[i] = revealed(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = revealed(v[k])
		}
	}
	return v
}

// newKey makes a key without any provider: private_key, public_key, fingerprint.
func newKey(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	comment := "cloudlark"
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "comment?", &comment); err != nil {
		return nil, err
	}
	private, public, err := sshkey.New(comment)
	if err != nil {
		return nil, err
	}
	return starlarkstruct.FromStringDict(starlark.String("key"), starlark.StringDict{
		"private_key": secret(private), "public_key": starlark.String(public.Line + " " + comment), "fingerprint": starlark.String(public.Fingerprint),
	}), nil
}
