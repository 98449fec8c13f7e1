package host

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// TestNative: what a script calls of a provider's own API goes the way of every
// call, and what it does is asked of the call.
func TestNative(t *testing.T) {
	for _, c := range []struct {
		name, script, says string
		kind               op.Kind
		policy             Policy
	}{
		{name: "arguments by themselves", script: `print(cloud.native("GET /x", query = {"a": [1, True, "b"]}, depth = 2.5))`, says: `{"depth": 2.5, "query": {"a": [1, True, "b"]}}`},
		{name: "arguments as a dict", script: `print(cloud.native("GET /x", {"operation": "y"}, more = None))`, says: `{"more": None, "operation": "y"}`},
		{name: "given twice", script: `cloud.native("GET /x", arguments = {"a": 1}, a = 2)`, kind: op.InvalidArgument, says: `"a" was given twice`},
		{name: "pages", script: `print([p["page"] for p in cloud.native_pages("GET /y")])`, says: `["", "2", "3"]`},
		{name: "pages of what changes", script: `list(cloud.native_pages("POST /y"))`, kind: op.InvalidArgument, says: "native_pages is for what reads, and this creates"},
		{name: "read only, reads", script: `print(cloud.native("HEAD /x", a = 1))`, says: `{"a": 1}`, policy: Policy{ReadOnly: true}},
		{name: "read only, deletes", script: `cloud.native("DELETE /x")`, kind: op.PermissionDenied, says: "deletes", policy: Policy{ReadOnly: true}},
		{name: "effects", script: `cloud.native("PATCH /x")`, kind: op.PermissionDenied, says: "changes", policy: Policy{Effects: []op.Effect{op.Reads, op.Creates}}},
		{name: "operations", script: `cloud.native("GET /x")`, kind: op.PermissionDenied, says: "compute.native", policy: Policy{Operations: []string{"compute.list_*"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &puppet{act: allow}
			var out bytes.Buffer
			h, err := New(Options{Drivers: []*drivers.Provider{p.provider("puppet", compute.Family)}, Policy: c.policy, Stdout: &out})
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			_, err = h.Run(t.Context(), Script{FS: fstest.MapFS{"x.star": {Data: []byte("cloud = compute.driver(\"puppet\")\n" + c.script + "\n")}}, Path: "x.star"})
			if got := op.KindOf(err); got != c.kind {
				t.Fatalf("the error is %v", err)
			}
			if err != nil {
				out.WriteString(err.Error())
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("it says %s", out.String())
			}
			if c.kind != "" && p.n != 0 {
				t.Errorf("the driver was called %d times", p.n)
			}
		})
	}
}
