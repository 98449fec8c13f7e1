package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/testdata/lab"
)

// TestTourOnAWS runs the tour's compute and storage parts on moto, an emulator
// of AWS that others wrote: what changes is the connection, one line.
func TestTourOnAWS(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "cloudlark.toml")
	err := os.WriteFile(config, []byte(`[connection.aws]
driver = ["ec2", "s3"]
region = "us-east-1"
endpoint = "`+lab.Moto(t)+`"
access_key_id = "key"
secret_access_key = { env = "TOUR_SECRET" }
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOUR_SECRET", "secret")
	t.Setenv("XDG_STATE_HOME", dir)
	var out, errs bytes.Buffer
	code := execute(t.Context(), []string{"run", "--config", config, "../../scripts/tour.star", "--cloud", "aws", "--size", "t3.micro"},
		streams{strings.NewReader(""), &out, &errs})
	if code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
	}
	for _, want := range []string{"tour-2  running  t3.micro", "aws has no lb: left out", "Hello from the tour.", "cleaned up 10 of 10"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
}
