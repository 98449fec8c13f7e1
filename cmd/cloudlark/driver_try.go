package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host/wasm"
)

// trial is what `cloudlark driver test` was told.
type trial struct {
	config, small, deviations []string
	pageSize                  int
	harness                   drivertest.Harness
	family, run               string
	verbose                   bool
}

// suites are the families' conformance suites.
func suites() map[string]func(*testing.T, drivertest.Harness) {
	return map[string]func(*testing.T, drivertest.Harness){
		"compute": drivertest.Compute, "storage": drivertest.Storage, "lb": drivertest.LB, "container": drivertest.Container}
}

func (a *app) driverTest() *cobra.Command {
	var t trial
	c := &cobra.Command{
		Use:   "test FILE",
		Short: "The conformance suite, for a driver's author",
		Long: `Run the conformance suite of every family that a module has, with what it asks for
granted. Exit code 1 says that it does not conform. It makes and destroys things in the account that the configuration leads to:

  cloudlark driver test examplecloud.wasm --config token=env:EXAMPLE_TOKEN --config endpoint=http://127.0.0.1:8080

A value env:NAME is the environment variable's. With --page-size and the --small that
makes pages so small, lists are tested past their first page. A server that departs
from the provider is named: --deviation nodes/reboot="reboots stopped nodes too".`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			m, _, err := a.load(c.Context(), args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			t.verbose = a.flags.verbose > 0
			return try(m, t)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&t.config, "config", nil, "NAME=VALUE of the connection's configuration")
	f.StringArrayVar(&t.small, "small", nil, "NAME=VALUE of the configuration with which lists come in pages of --page-size")
	f.IntVar(&t.pageSize, "page-size", 0, "how many items a page has, at most")
	f.StringArrayVar(&t.deviations, "deviation", nil, "TEST=REASON: a test that the server does not pass although the driver is right")
	f.StringVar(&t.family, "family", "", "this family alone")
	f.StringVar(&t.run, "run", "", "only tests whose names match, as go test has it: compute/nodes")
	f.StringVar(&t.harness.Image, "image", "", "the image that nodes or containers are made from; the suite's choice if not given")
	f.StringVar(&t.harness.Size, "size", "", "the size of nodes; the suite's choice if not given")
	f.StringVar(&t.harness.OtherSize, "other-size", "", "the size that nodes are resized to")
	f.DurationVar(&t.harness.Timeout, "patience", time.Minute, "how long one change may take")
	return c
}

// try runs the suites as go test would.
func try(m *wasm.Module, t trial) error {
	config, err := pairs("--config", t.config)
	if err != nil {
		return err
	}
	small, err := pairs("--small", t.small)
	if err != nil {
		return err
	}
	t.harness.PageSize = t.pageSize
	if len(small) > 0 {
		t.harness.SmallPages = small
	}
	t.harness.Deviations = map[string]string{}
	for _, d := range t.deviations {
		name, why, ok := strings.Cut(d, "=")
		if !ok || why == "" {
			return usage("--deviation: want TEST=REASON, not %q", d)
		}
		t.harness.Deviations[name] = why
	}
	var tests []testing.InternalTest
	for _, p := range m.Providers() {
		if t.family != "" && p.Family.Name != t.family {
			continue
		}
		values, err := typed(p, config)
		if err != nil {
			return err
		}
		tests = append(tests, testing.InternalTest{Name: p.Family.Name, F: func(tt *testing.T) {
			h := t.harness
			h.Open = func(tb testing.TB, over map[string]any, chain ...op.Interceptor) *drivers.Conn {
				tb.Helper()
				all := maps.Clone(values)
				more, err := typed(p, over)
				if err != nil {
					tb.Fatal(err)
				}
				maps.Copy(all, more)
				conn, err := p.Open(tb.Context(), p.Name, all, chain...)
				if err != nil {
					tb.Fatal(err)
				}
				return conn
			}
			suites()[p.Family.Name](tt, h)
		}})
	}
	if len(tests) == 0 {
		return usage("--family: the module has no driver of %q", t.family)
	}
	return runTests(tests, t)
}

// typed reads values as the driver's configuration has them.
func typed(p *drivers.Provider, values map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for name, v := range values {
		f := p.Config.Field(name)
		if f == nil {
			return nil, usage("%s has no configuration value %q%s", p.Name, name, op.DidYouMean(name, p.Config.Names()))
		}
		parsed, err := f.Parse(v.(string))
		if err != nil {
			return nil, usage("%s: %s", name, op.AsError(err).Message)
		}
		out[name] = parsed
	}
	return out, nil
}

func pairs(flag string, list []string) (map[string]any, error) {
	m := map[string]any{}
	for _, pair := range list {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, usage("%s: want NAME=VALUE, not %q", flag, pair)
		}
		if env, ok := strings.CutPrefix(value, "env:"); ok {
			if value, ok = os.LookupEnv(env); !ok {
				return nil, usage("%s: %s: the environment has no %s", flag, name, env)
			}
		}
		m[name] = value
	}
	return m, nil
}

// runTests runs tests in this process, as go test does: it writes PASS or FAIL
// to standard output and ends the process with 0 or 1. Package testing keeps
// its settings in flags of the process, and has no other way.
func runTests(tests []testing.InternalTest, t trial) error {
	testing.Init()
	for name, value := range map[string]string{"test.v": fmt.Sprint(t.verbose), "test.run": t.run} {
		if err := flag.Set(name, value); err != nil {
			return err
		}
	}
	if err := flag.CommandLine.Parse(nil); err != nil { // the command's own flags are none of its
		return err
	}
	testing.Main(regexp.MatchString, tests, nil, nil)
	return nil // not reached
}
