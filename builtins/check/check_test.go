package check_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/builtins/check"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/local"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/sim"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

var expected = regexp.MustCompile(`### (.*)$`)

// TestCheck checks the chunks of testdata/check.star, which are separated by
// lines of ---. A line with "### text" must have one problem with that text; any
// other must have none.
func TestCheck(t *testing.T) {
	src, err := os.ReadFile("testdata/check.star")
	if err != nil {
		t.Fatal(err)
	}
	families := []*op.Family{compute.Family, storage.Family, lb.Family, container.Family}
	o := check.Options{Path: "main.star", Families: families,
		Providers: append(sim.Providers(sim.Options{}), local.Provider()),
		Names:     builtins.Names(builtins.Options{Families: families})}
	start := 1
	for chunk := range strings.SplitSeq(string(src), "\n---\n") {
		t.Run(fmt.Sprint("line ", start), func(t *testing.T) {
			o := o
			o.FS = fstest.MapFS{"main.star": {Data: []byte(chunk)},
				"lib/good.star": {Data: []byte("def twice(x):\n    return 2 * x\n")},
				"lib/bad.star":  {Data: []byte("compute.driver(\"sim\").nothing()\nx = 1\n")}}
			problems, err := check.Check(o)
			if err != nil {
				t.Fatal(err)
			}
			byLine := map[int]string{}
			for _, p := range problems {
				if p.File == "main.star" {
					byLine[p.Line] += p.Message + "\n"
				} else if !strings.Contains(chunk, "# also in "+p.File) {
					t.Errorf("unexpected: %v", p)
				}
			}
			for i, line := range strings.Split(chunk, "\n") {
				want := expected.FindStringSubmatch(line)
				got := byLine[i+1]
				switch {
				case want == nil && got != "":
					t.Errorf("%s: unexpected: %s", line, got)
				case want != nil && !strings.Contains(got, want[1]):
					t.Errorf("%s: got %q", line, got)
				}
			}
		})
		start += strings.Count(chunk, "\n") + 2
	}
}

// FuzzCheck: no text makes the check panic.
func FuzzCheck(f *testing.F) {
	src, err := os.ReadFile("testdata/check.star")
	if err != nil {
		f.Fatal(err)
	}
	for chunk := range strings.SplitSeq(string(src), "\n---\n") {
		f.Add(chunk)
	}
	for _, s := range []string{"compute.driver()(1)", "def f(a, *, b=1, **c): pass", "f(a.b=3)", "x = [*a]", "load('x', 'y')", "compute.driver('sim').list_nodes(1=2)",
		"{**a}", "compute.driver('sim').get_node(b'x', node = {1: 2})", "for compute.x in y: pass", "lambda *: 1"} {
		f.Add(s)
	}
	families := []*op.Family{compute.Family, storage.Family}
	o := check.Options{Path: "main.star", Families: families, Providers: sim.Providers(sim.Options{}),
		Names: builtins.Names(builtins.Options{Families: families})}
	f.Fuzz(func(t *testing.T, src string) {
		o := o
		o.FS = fstest.MapFS{"main.star": {Data: []byte(src)}}
		if _, err := check.Check(o); err != nil {
			t.Fatal(err)
		}
	})
}
