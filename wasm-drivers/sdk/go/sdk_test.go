package sdk

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/sim"
)

// TestServer speaks to the embedded cloud as a host does, natively.
func TestServer(t *testing.T) {
	Serve(Guest{Version: "1.2.3", Providers: sim.Providers(sim.Options{}), Stateful: true})
	var d abi.Description
	if err := json.Unmarshal(served.describe(), &d); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
	if o := d.Families["compute"]; d.Name != "sim" || d.Version != "1.2.3" || !slices.Contains(o.Operations, "create_node") || !slices.Contains(o.HonoursToken, "create_node") {
		t.Errorf("it describes itself as %+v", d)
	}
	for _, c := range []struct{ message, want string }{
		{`{"family": "compute", "op": "create_node", "args": {"name": "web", "size": "g1.small", "image": "debian-13-x86_64"}, "config": {"boot_time": "0s"}}`, `{"result":{"id":"`},
		{`{"family": "compute", "op": "list_sizes", "args": {}, "config": {"page_size": 2}}`, `{"items":[{"id":"g1.`},
		{`{"family": "compute", "op": "list_sizes", "args": {}, "config": {"page_size": 2}}`, `"next":"`},
		{`{"family": "compute", "op": "get_node", "args": {"node": "n-0"}, "config": {}}`, `{"error":{"kind":"not_found"`},
		{`{"family": "compute", "op": "get_node", "args": {"node": 7}, "config": {}}`, `{"error":{"kind":"internal"`},
		{`{"family": "compute", "op": "fly", "args": {}, "config": {}}`, `{"error":{"kind":"invalid_argument"`},
		{`{"family": "dns", "op": "list_zones", "args": {}, "config": {}}`, `{"error":{"kind":"unsupported"`},
		{`{"family": "compute", "op": "list_sizes", "args": {}, "config": {"page_size": -1}}`, `{"error":{"kind":"invalid_argument"`},
		{`{`, `{"error":{"kind":"internal"`},
	} {
		if got := string(served.call([]byte(c.message))); !strings.Contains(got, c.want) {
			t.Errorf("%s\nanswers %.300s\nwant    %s", c.message, got, c.want)
		}
	}
}
