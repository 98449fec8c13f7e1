package op_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

var update = flag.Bool("update", false, "write the golden files")

// TestSchema compares one row's schemas with what they were: whoever generates
// code from them wants to see a change.
func TestSchema(t *testing.T) {
	o, err := compute.Family.Lookup("allow_security_group_rule")
	if err != nil {
		t.Fatal(err)
	}
	get, err := storage.Family.Lookup("put_object")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent([]any{o.In().Schema(), get.In().Schema(), get.Out().Schema()}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "schema.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(want), got) {
		t.Errorf("the schemas have changed; if they should, run go test -update. They are now:\n%s", got)
	}
}

func TestType(t *testing.T) {
	typ := op.TypeOf(reflect.TypeFor[*everything]())
	for name, want := range map[string]string{"text": "string", "flag": "bool", "count": "int", "size": "int (bytes)", "wait": "int (s)", "rate": "float",
		"known": "int (bytes)", "names": "list of string", "tags": "dict of string", "extra": "dict", "at": "time", "key": "secret", "bytes": "bytes",
		"any": "any", "maybe": "part", "parts": "list of part"} {
		if got := typ.Field(name).TypeName(); got != want {
			t.Errorf("%s is a %q, want %q", name, got, want)
		}
	}
	in := op.TypeOf(reflect.TypeFor[put]())
	if f := in.Field("bucket"); f.TypeName() != "bucket or its id" || !f.Required || in.Field("others").TypeName() != "list of object or its id" || !in.Field("body").IsStream() {
		t.Errorf("%+v", f)
	}
	if typ.Field("none") != nil || op.TypeOf(reflect.TypeFor[int]()) != nil || !typ.Field("key").IsSecret() {
		t.Error("a field or a type that is none")
	}
	// A promoted field is a field.
	if f := op.TypeOf(reflect.TypeFor[compute.CreateNodes]()).Field("image"); f == nil || !f.Required {
		t.Errorf("create_nodes: image is %+v", f)
	}
	for typ, want := range map[reflect.Type]string{reflect.TypeFor[compute.KeyPair](): "key_pair", reflect.TypeFor[storage.URL](): "url"} {
		if got := op.TypeOf(typ).Name; got != want {
			t.Errorf("%s is called %q, want %q", typ, got, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	typ := op.TypeOf(reflect.TypeFor[storage.Object]())
	id := func(bucket, name string) string {
		return typ.Identity(reflect.ValueOf(storage.Object{Bucket: bucket, Name: name}))
	}
	if id("a", "b") == id("a", "c") || id("a", "b") == id("c", "b") || id("a", "bc") == id("ab", "c") {
		t.Error("objects are taken for one another")
	}
	if got := op.TypeOf(reflect.TypeFor[compute.ConsoleOutput]()).Identity(reflect.ValueOf(compute.ConsoleOutput{Text: "x"})); got != "" {
		t.Errorf("a value without an id is %q", got)
	}
}

func TestWrongTags(t *testing.T) {
	type unknownFlag struct {
		A string `json:"a" op:"requird"`
	}
	type wrongDefault struct {
		A int `json:"a" default:"many"`
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[unknownFlag](), reflect.TypeFor[wrongDefault]()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken for right", typ)
				}
			}()
			op.TypeOf(typ)
		}()
	}
}
