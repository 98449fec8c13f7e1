package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/all"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host"
)

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // the script or the operation failed
	exitUsage       = 2   // the command line, the configuration or the script's text is wrong
	exitLimit       = 3   // a limit ended it
	exitInterrupted = 130 // someone interrupted it
)

const rootHelp = `Cloudlark runs scripts that work with any cloud.

  cloudlark run scripts/tour.star        a tour of the embedded cloud
  cloudlark repl                         the same language, line by line
  cloudlark call sim list_nodes          one operation
  cloudlark sync photos s3://backup      files to objects, and from cloud to cloud
  cloudlark ops compute.create_node      what an operation takes
  cloudlark drivers                      which driver can do what
  cloudlark driver add x.wasm            a driver that is not built in

Exit codes: 0 done; 1 the script or the operation failed; 2 the command line, the
configuration or the script's text is wrong; 3 a limit ended it; 130 interrupted.`

// streams are the process's own, or a test's.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// A usageError is a mistake on the command line or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// app is what the subcommands share.
type app struct {
	streams
	flags flags
	began bool // the command line was understood
}

// flags are those that every subcommand has.
type flags struct {
	config     string
	readOnly   bool
	allowRead  []string
	allowWrite []string
	allowEnv   []string
	allowHTTP  []string
	allowSSH   []string
	timeout    time.Duration
	maxSteps   uint64
	verbose    int
	output     string
	noColor    bool
}

// execute runs the command line and returns the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	a := &app{streams: s}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	return a.exit(root.ExecuteContext(ctx))
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cloudlark",
		Short:         "Scripts for any cloud",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			a.began = true
			if a.flags.output != "text" && a.flags.output != "json" {
				return usage("--output: there is no %q; there are text and json", a.flags.output)
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", "", "the configuration file (the nearest cloudlark.toml from the script's folder up, or the user's own)")
	f.BoolVar(&a.flags.readOnly, "read-only", false, "refuse whatever would change something")
	f.StringArrayVar(&a.flags.allowRead, "allow-read", nil, "a folder that scripts may read")
	f.StringArrayVar(&a.flags.allowWrite, "allow-write", nil, "a folder that scripts may write to")
	f.StringArrayVar(&a.flags.allowEnv, "allow-env", nil, "environment variables that scripts may read: APP_*")
	f.StringArrayVar(&a.flags.allowHTTP, "allow-http", nil, "a host that scripts may reach by HTTP")
	f.StringArrayVar(&a.flags.allowSSH, "allow-ssh", nil, "a host or a network that scripts may reach by SSH: 10.0.0.0/8, *")
	f.DurationVar(&a.flags.timeout, "timeout", 0, "end the script after this time")
	f.Uint64Var(&a.flags.maxSteps, "max-steps", 0, "end the script after so many steps")
	f.CountVarP(&a.flags.verbose, "verbose", "v", "log every call to standard error; twice: with its arguments")
	f.StringVarP(&a.flags.output, "output", "o", "text", "text, for people, or json, for programs")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no colour, also on a terminal (NO_COLOR does the same)")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(a.run(), a.repl(), a.call(), a.cp(), a.ls(), a.rm(), a.syncing(), a.cat(), a.presign(), a.drivers(), a.ops(), a.check(), a.connections(), a.driver(), a.version())
	return root
}

// host makes a host for scripts in dir.
func (a *app) host(dir string) (*host.Host, error) {
	config, err := a.loadConfig(dir)
	if err != nil {
		return nil, err
	}
	mods, err := modules(dir)
	if err != nil {
		return nil, usageError{err}
	}
	o := host.Options{
		Drivers:  builtIn(),
		Modules:  mods,
		CacheDir: cacheFolder("compiled"),
		Config:   config,
		Policy: host.Policy{ReadOnly: a.flags.readOnly, Read: a.flags.allowRead, Write: a.flags.allowWrite,
			Env: a.flags.allowEnv, HTTP: a.flags.allowHTTP, SSH: a.flags.allowSSH},
		KnownHosts: stateFolder("known_hosts"),
		Transfers:  stateFolder("transfers"),
		Limits:     host.Limits{Time: a.flags.timeout, Steps: a.flags.maxSteps},
		Stdout:     a.out,
		Logger:     a.logger(),
	}
	if p := a.progress(); p != nil {
		o.Progress = p.event
		if terminal(a.out) {
			o.Stdout = p.above(a.out)
		}
	}
	h, err := host.New(o)
	if err != nil {
		return nil, usageError{err}
	}
	return h, nil
}

// builtIn are the native drivers.
func builtIn() []*drivers.Provider { return all.Providers(stateFolder("sim")) }

func (a *app) loadConfig(dir string) (*host.Config, error) {
	path := a.flags.config
	if path == "" {
		var err error
		if path, err = host.FindConfig(dir); err != nil {
			return nil, usageError{err}
		}
		if path == "" {
			return nil, nil
		}
	}
	config, err := host.LoadConfig(path)
	if err != nil {
		return nil, usageError{err}
	}
	return config, nil
}

// stateFolder is where the command keeps something between runs.
func stateFolder(name string) string {
	base := os.Getenv("XDG_STATE_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			home = os.TempDir()
		}
		base = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(base, "cloudlark", name)
}

func (a *app) logger() *slog.Logger {
	// A call that fails is told by the script, or is caught by it.
	level := slog.LevelError
	switch {
	case a.flags.verbose == 1:
		level = slog.LevelInfo
	case a.flags.verbose > 1:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// terminal reports whether w is one.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// exit tells what went wrong, and says it as an exit code.
func (a *app) exit(err error) int {
	if err == nil {
		return exitOK
	}
	if a.flags.output == "json" {
		a.json(a.err, errorJSON(err))
	} else {
		label := "error:"
		if a.colour(a.err) {
			label = "\x1b[1;31merror:\x1b[0m"
		}
		fmt.Fprintln(a.err, label, err)
	}
	if !a.began {
		return exitUsage
	}
	return failure(err)
}

// failure is the exit code for an error.
func failure(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	e, ok := errors.AsType[*op.Error](err)
	switch {
	case !ok:
		return exitFailed
	case e.Kind == op.Canceled:
		return exitInterrupted
	case e.Op == "" && e.Provider == "" && (e.Kind == op.QuotaExceeded || e.Kind == op.Timeout):
		return exitLimit
	}
	return exitFailed
}

func errorJSON(err error) any {
	type place struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		Col      int    `json:"column"`
		Function string `json:"function,omitempty"`
	}
	out := struct {
		*op.Error
		Stack []place `json:"stack,omitempty"`
	}{Error: op.AsError(err)}
	if _, ok := errors.AsType[*op.Error](err); !ok {
		if _, ok := errors.AsType[usageError](err); ok {
			out.Kind = op.InvalidArgument
		}
	}
	if s, ok := errors.AsType[*builtins.Error](err); ok {
		if _, isOp := errors.AsType[*op.Error](err); !isOp {
			out.Error = &op.Error{Kind: op.Internal, Message: s.Msg}
		}
		for _, f := range s.Stack {
			out.Stack = append(out.Stack, place{f.File, f.Line, f.Col, f.Function})
		}
	}
	return map[string]any{"error": out}
}
