package builtins_test

import (
	"bytes"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloudlark/cloudlark/builtins"
)

// A body that the script does not read to its end must not hold the run up.
func TestForgottenStream(t *testing.T) {
	src := `
store = storage.driver("sim")
bucket = store.create_bucket("bkt")
o = bucket.put_object("x.txt", "one\ntwo\n")
forgotten = o.read().body
unasked = o.read()
`
	ended := make(chan error, 1)
	go func() {
		var out bytes.Buffer
		_, _, err := builtins.Exec(t.Context(), options(t, fstest.MapFS{"main.star": {Data: []byte(src)}}, "main.star", &out))
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the run does not end")
	}
}
