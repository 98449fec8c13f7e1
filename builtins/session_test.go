package builtins_test

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers/op"
)

func session(t *testing.T, limits builtins.Limits) (*builtins.Session, func(src string) string) {
	t.Helper()
	var out bytes.Buffer
	o := options(t, fstest.MapFS{}, "", &out)
	o.Limits = limits
	s := builtins.NewSession(o)
	t.Cleanup(s.Close)
	return s, func(src string) string {
		v, err := s.Eval(t.Context(), src)
		switch {
		case err != nil:
			return err.Error()
		case v == nil:
			return ""
		}
		return v.String()
	}
}

func TestSession(t *testing.T) {
	_, eval := session(t, builtins.Limits{Parallel: 4})
	for _, step := range []struct{ src, want string }{
		{`cloud = compute.driver("sim")`, ""},
		{`v = cloud.create_volume("v1", size = 1)`, ""},
		{`l = cloud.list_volumes()`, ""},
		{`len(l)`, "1"}, // a list goes on in the next chunk
		{`ls = parallel(lambda i: cloud.list_volumes(), [1, 2])`, ""},
		{`[len(l) for l in ls]`, "[1, 1]"}, // and so do those of its threads
		{`v.nmae`, `no attribute "nmae"; did you mean name`},
		{`v.name`, `"v1"`},
		{`def f(x):` + "\n    return x + 1\n", ""},
		{`f(2)`, "3"},
		{`fail("no")`, "no"},
		{`1 +`, "syntax error"},
		{`f(3)`, "4"},
	} {
		if got := eval(step.src); step.want == "" && got != "" || !strings.Contains(got, step.want) {
			t.Errorf("%s\n got %s\nwant %s", step.src, got, step.want)
		}
	}
}

// What ends a chunk does not end the session.
func TestSessionLimits(t *testing.T) {
	s, eval := session(t, builtins.Limits{Steps: 100_000, Output: 1000})
	for _, step := range []struct{ src, want string }{
		{"x = 3", ""},
		{"while True:\n    pass\n", "more than its limit of 100000 steps"},
		{"x", "3"},
		{"print('y' * 2000)", "more than its limit of 1000 bytes"},
		{"print('z' * 900)", "None"},
		{"print('z' * 900)", "None"},
	} {
		if got := eval(step.src); step.want == "" && got != "" || !strings.Contains(got, step.want) {
			t.Errorf("%s\n got %s\nwant %s", step.src, got, step.want)
		}
	}
	for range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		if _, err := s.Eval(ctx, `sleep("1h")`); op.KindOf(err) != op.Canceled {
			t.Fatalf("interrupted: %v", err)
		}
		if got := eval("x"); got != "3" {
			t.Fatalf("after the interruption: %s", got)
		}
	}
}

func TestComplete(t *testing.T) {
	s, eval := session(t, builtins.Limits{})
	eval(`cloud = compute.driver("sim")`)
	eval(`v = cloud.create_volume("v1", size = 1)`)
	for line, want := range map[string]string{
		"clo":                         "cloud",
		"x = cloud.list_vol":          "list_volumes",
		"v.na":                        "name",
		"v.atta":                      "attach",
		"cloud.create_node(na":        "name = ",
		"cloud.create_node(x, [i], s": "size = ",
		"compute.dr":                  "driver",
		"pr":                          "print",
	} {
		from, words := s.Complete(line, len(line))
		if !slices.Contains(words, want) || strings.LastIndexAny(line, " .(")+1 != from {
			t.Errorf("%s: %d %q", line, from, words)
		}
	}
	for _, line := range []string{"v.xyz", "nothing.na", "v.name.x", "", "(", ")"} {
		s.Complete(line, len(line)) // there is nothing to say, and nothing to fail
	}
}

func TestWhole(t *testing.T) {
	s, _ := session(t, builtins.Limits{})
	for src, want := range map[string]bool{"x = 1\n": true, "def f():\n": false, "f(1,\n": false, "x = = 1\n": true, "def f():\n    pass\n\n": true} {
		if got := s.Whole(src); got != want {
			t.Errorf("%q: %v", src, got)
		}
	}
}
