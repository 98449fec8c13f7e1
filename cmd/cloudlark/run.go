package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/guard"
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
globals, are printed when it has ended: {"created": […], "globals": {…}, "steps": N},
behind what the script prints; errors are JSON on standard error.`,
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
	root, file, err := openScript(path)
	if err != nil {
		return err
	}
	defer root.Close()
	script := host.Script{FS: root.FS(), Path: file}

	// Then the script's, which it declares itself.
	h, err := a.host(root.Name())
	if err != nil {
		return err
	}
	defer h.Close()
	params, err := declared(c.Context(), h, script)
	switch {
	case err == nil:
	case isMistake(err):
		return usageError{err}
	case len(rest) > 1 || endedEarly(err):
		return err
	}
	// Otherwise the script failed before its params, perhaps only because nothing
	// is granted yet: the run will tell.
	own := scriptFlags(flags, params)
	flags.SetInterspersed(true)
	if err := flags.Parse(spelled(rest[1:], params)); err != nil {
		return usage("%s: %w%s", path, err, nearFlag(err, flags))
	}
	if *help {
		return a.scriptHelp(path, script, params, own)
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
	if err := fits(script.Params, params); err != nil {
		return usage("%s: %w", path, err)
	}
	if err := c.Root().PersistentPreRunE(c, nil); err != nil { // as cobra does where it parses the flags
		return err
	}
	// Flags behind the script's name may have changed what the host shall be.
	h.Close()
	if h, err = a.host(root.Name()); err != nil {
		return err
	}
	defer h.Close()
	res, err := h.Run(c.Context(), script)
	if a.flags.output == "json" {
		if jsonErr := a.json(a.out, map[string]any{"globals": finite(res.Globals), "created": allMade(res.Created), "steps": res.Steps}); jsonErr != nil {
			return errors.Join(err, jsonErr)
		}
	}
	if err != nil && isMistake(err) {
		return usageError{err}
	}
	return err
}

// openScript opens the folder that the script is in, out of which no load leads,
// also not through a link. A script that is itself a link is where the link leads.
func openScript(path string) (root *os.Root, file string, err error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		var info os.FileInfo
		if info, err = os.Stat(real); err == nil && info.IsDir() {
			err = fs.ErrNotExist
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", usage("%s: there is no such script", path)
	}
	if err == nil {
		root, err = os.OpenRoot(filepath.Dir(real))
	}
	if err != nil {
		return nil, "", usageError{err}
	}
	return root, filepath.Base(real), nil
}

// declared asks the host for the script's parameters. To know them it runs the
// script up to params, so that a script that has none is not asked: it would run
// twice.
func declared(ctx context.Context, h *host.Host, script host.Script) ([]builtins.Param, error) {
	src, err := fs.ReadFile(script.FS, script.Path)
	if err != nil {
		return nil, usageError{err}
	}
	if f, err := guard.Parse(builtins.Dialect, script.Path, src); err == nil && !mayDeclare(f) {
		return nil, nil
	}
	return h.Params(ctx, script)
}

// mayDeclare reports whether a script speaks of params, or loads what may.
func mayDeclare(f *syntax.File) bool {
	found := false
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			found = true
		case *syntax.Ident:
			found = found || n.Name == "params"
		}
		return !found
	})
	return found
}

// endedEarly reports whether a limit or a person ended the script.
func endedEarly(err error) bool {
	code := failure(err)
	return code == exitLimit || code == exitInterrupted
}

// paramTexts reads the text of a parameter as the table's decoder does.
type paramTexts struct {
	Int   int64    `json:"int"`
	Float float64  `json:"float"`
	Bool  bool     `json:"bool"`
	List  []string `json:"list"`
}

// fits checks what the command line gives against what the script declares, so
// that a wrong command line is told as one, and nothing runs.
func fits(given map[string]any, params []builtins.Param) error {
	var names []string
	for _, p := range params {
		names = append(names, p.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the script has no parameter %q%s", name, op.DidYouMean(name, names))
		}
	}
	for _, p := range params {
		value, ok := given[p.Name]
		switch {
		case !ok && p.Required:
			return fmt.Errorf("parameter %q is missing%s", p.Name, inParentheses(p.Help))
		case !ok:
			continue
		}
		text := value.(string)
		if f := op.TypeOf(reflect.TypeFor[paramTexts]()).Field(p.Type); f != nil {
			if _, err := f.Parse(text); err != nil {
				return fmt.Errorf("parameter %q: %s", p.Name, op.AsError(err).Message)
			}
		}
		if p.Type == "string" && p.Choices != nil && !slices.Contains(p.Choices, text) {
			return fmt.Errorf("parameter %q: there is no %q%s", p.Name, text, op.DidYouMean(text, p.Choices))
		}
	}
	return nil
}

func inParentheses(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}

// made is how JSON shows what a run created and left.
type made struct {
	Provider   string `json:"provider"`
	Connection string `json:"connection"`
	Op         string `json:"op"`
	Type       string `json:"type"`
	ID         string `json:"id,omitempty"`
	Name       string `json:"name,omitempty"`
}

func allMade(created []host.Created) []made {
	all := make([]made, len(created))
	for i, c := range created {
		all[i] = made(c)
	}
	return all
}

// finite is v with null in place of numbers that JSON does not have.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = finite(v[k])
		}
	}
	return v
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
func (a *app) scriptHelp(path string, script host.Script, params []builtins.Param, own *pflag.FlagSet) error {
	src, err := fs.ReadFile(script.FS, script.Path)
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
	for _, p := range params {
		if own.Lookup(flagName(p.Name)) == nil {
			fmt.Fprintf(a.out, "      %s=VALUE   %s\n", p.Name, strings.TrimSpace(p.Help+" (as there is a flag of the command's own)"))
		}
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
