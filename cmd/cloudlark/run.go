package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host"
)

// run is `cloudlark run SCRIPT [--param value …]`. What follows the script's name
// is the script's: its params are flags, beside the command's own.
func (a *app) run() *cobra.Command {
	c := &cobra.Command{
		Use:   "run SCRIPT [--PARAM VALUE | PARAM=VALUE]…",
		Short: "Run a script",
		Long: `Run a script. What it declares with params are flags: see them with

  cloudlark run SCRIPT --help

A parameter that is called like a flag of the command itself is given as name=value.
The script may load what is in its own folder and below, and nothing else of this
machine unless it is allowed to: --allow-read, --allow-write, --allow-env,
--allow-http. With -o json, what it created and did not delete again, and its
globals, are printed when it has ended; errors are JSON on standard error.`,
		DisableFlagParsing: true,
	}
	c.RunE = func(c *cobra.Command, args []string) error { return a.runScript(c, args) }
	return c
}

func (a *app) runScript(c *cobra.Command, args []string) error {
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	flags.SetOutput(a.err)
	flags.Usage = func() {}
	flags.AddFlagSet(c.Root().PersistentFlags())
	help := flags.BoolP("help", "h", false, "help for the script")

	// First the command's own flags, up to the script's name.
	flags.SetInterspersed(false)
	if err := flags.Parse(args); err != nil && !errors.Is(err, pflag.ErrHelp) {
		return usageError{err}
	}
	rest := flags.Args()
	if len(rest) == 0 {
		if *help {
			return c.Help()
		}
		return usage("run: which script? As in: cloudlark run scripts/tour.star")
	}
	path := rest[0]
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return usage("%s: there is no such script", path)
	}
	dir := filepath.Dir(path)
	script := host.Script{FS: os.DirFS(dir), Path: filepath.Base(path)}

	// Then the script's, which it declares itself.
	h, err := a.host(dir)
	if err != nil {
		return err
	}
	defer h.Close()
	params, err := h.Params(c.Context(), script)
	if err != nil {
		return usageError{err}
	}
	own := scriptFlags(flags, params)
	flags.SetInterspersed(true)
	if err := flags.Parse(spelled(rest[1:], params)); err != nil {
		return usage("%s: %w%s", path, err, nearFlag(err, flags))
	}
	if *help {
		return a.scriptHelp(path, own)
	}
	script.Params = map[string]any{}
	own.VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			script.Params[paramName(f.Name, params)] = f.Value.String()
		}
	})
	for _, arg := range flags.Args() {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			return usage("%s: what is %q? A parameter is given as --name value, or as name=value", path, arg)
		}
		script.Params[name] = value
	}
	if err := c.Root().PersistentPreRunE(c, nil); err != nil { // as cobra does where it parses the flags
		return err
	}
	// Flags behind the script's name may have changed what the host shall be.
	h.Close()
	if h, err = a.host(dir); err != nil {
		return err
	}
	defer h.Close()
	res, err := h.Run(c.Context(), script)
	if a.flags.output == "json" {
		if jsonErr := a.json(a.out, map[string]any{"globals": res.Globals, "created": res.Created, "steps": res.Steps}); jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
	}
	if err != nil && isMistake(err) {
		return usageError{err}
	}
	return err
}

// isMistake reports whether the script's text is wrong, so that none of it ran.
func isMistake(err error) bool {
	e, ok := errors.AsType[*builtins.Error](err)
	return ok && len(e.Stack) == 1 && e.Stack[0].Function == ""
}

// textValue is a parameter's flag: text, which the script's declaration reads.
type textValue struct{ text, typ string }

func (v *textValue) String() string     { return v.text }
func (v *textValue) Set(s string) error { v.text = s; return nil }
func (v *textValue) Type() string       { return v.typ }

// scriptFlags adds the parameters to the flags, and returns them by themselves.
func scriptFlags(flags *pflag.FlagSet, params []builtins.Param) *pflag.FlagSet {
	own := pflag.NewFlagSet("script", pflag.ContinueOnError)
	for _, p := range params {
		name := flagName(p.Name)
		if flags.Lookup(name) != nil {
			continue // the command's own: the parameter is given as name=value
		}
		v := &textValue{typ: p.Type}
		switch d := p.Default.(type) {
		case nil:
		case []any:
			var parts []string
			for _, e := range d {
				parts = append(parts, fmt.Sprint(e))
			}
			v.text = strings.Join(parts, ",")
		default:
			v.text = fmt.Sprint(d)
		}
		usage := p.Help
		if len(p.Choices) > 0 {
			usage += " (" + strings.Join(p.Choices, ", ") + ")"
		}
		if p.Required {
			usage += " (required)"
		}
		f := own.VarPF(v, name, "", strings.TrimSpace(usage))
		if p.Type == "bool" {
			f.NoOptDefVal = "true"
		}
		flags.AddFlag(f)
	}
	return own
}

// flagName: a parameter dry_run is the flag --dry-run.
func flagName(param string) string { return strings.ReplaceAll(param, "_", "-") }

func paramName(flag string, params []builtins.Param) string {
	i := slices.IndexFunc(params, func(p builtins.Param) bool { return flagName(p.Name) == flag })
	return params[i].Name
}

// spelled lets --dry_run stand for --dry-run.
func spelled(args []string, params []builtins.Param) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		name, value, hasValue := strings.Cut(arg, "=")
		for _, p := range params {
			if name == "--"+p.Name {
				args[i] = "--" + flagName(p.Name)
				if hasValue {
					args[i] += "=" + value
				}
			}
		}
	}
	return args
}

func nearFlag(err error, flags *pflag.FlagSet) string {
	unknown, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return ""
	}
	var names []string
	flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := op.Nearest(unknown.GetSpecifiedName(), names); len(near) > 0 {
		return "; did you mean --" + strings.Join(near, " or --") + "?"
	}
	return ""
}

// scriptHelp prints what the script says of itself, and its parameters.
func (a *app) scriptHelp(path string, own *pflag.FlagSet) error {
	src, err := os.ReadFile(path)
	if err != nil {
		return usageError{err}
	}
	if doc := docstring(path, src); doc != "" {
		fmt.Fprintln(a.out, doc+"\n")
	}
	fmt.Fprintf(a.out, "Usage:\n  cloudlark run %s [--PARAM VALUE]…\n", path)
	if own.HasFlags() {
		fmt.Fprintf(a.out, "\nParameters:\n%s", own.FlagUsages())
	}
	return nil
}

// docstring is the string that a script begins with.
func docstring(path string, src []byte) string {
	f, err := builtins.Dialect.Parse(path, src, 0)
	if err != nil || len(f.Stmts) == 0 {
		return ""
	}
	e, ok := f.Stmts[0].(*syntax.ExprStmt)
	if !ok {
		return ""
	}
	if l, ok := e.X.(*syntax.Literal); ok {
		if s, ok := l.Value.(string); ok {
			return strings.TrimSpace(s)
		}
	}
	return ""
}
