package lxd

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/drivertest"
	"github.com/cloudlark/cloudlark/drivers/native"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/testdata/lab"
)

// opener opens the driver with a configuration, and what comes on top.
func opener(config map[string]any) func(testing.TB, map[string]any, ...op.Interceptor) *drivers.Conn {
	return drivertest.Opener(Provider(), config)
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// folder is the command line's, with the lab's image server as the remote "lab".
func folder(t *testing.T, s lab.LXDServer) string {
	t.Helper()
	dir := t.TempDir()
	put(t, filepath.Join(dir, "config.yml"), fmt.Sprintf("remotes:\n  lab: {addr: %q, protocol: simplestreams, public: true}\n", s.Images))
	return dir
}

func TestConformance(t *testing.T) {
	if testing.Short() {
		t.Skip("a real server")
	}
	s := lab.LXD(t)
	drivertest.Container(t, drivertest.Harness{
		Open:  opener(map[string]any{"endpoint": s.Endpoint, "config_dir": folder(t, s)}),
		Image: "lab:" + s.Image,
		// It ends when it is asked to, as an init does.
		Command: []string{"sh", "-c", "trap exit TERM; sleep 3600 & wait"},
		Runs:    true,
		Native:  native.Call{Operation: "GET /1.0"}, NativeChange: "POST /1.0/profiles",
		Lacks: map[string]string{
			"list_containers.cluster": "there are no clusters",
			"log_line.stream":         "a container has one console",
		},
		Deviations: map[string]string{
			"image_in_use":                     "a container is a copy of its image, which does not know it: any image can be deleted",
			"logs/follow_to_the_end/exit_code": "LXD knows that an init has ended, and not how",
		},
	})
}
