package abi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudlark/cloudlark/drivers/op"
)

const good = `{"abi": 1, "name": "example", "version": "1.0", "title": "Example", "doc": "Lines,\n\tand tabs.",
	"families": {"compute": {"operations": ["get_node"], "missing": {"list_nodes": "It cannot."}, "extras": {"get_node": [{"name": "x", "type": "int", "default": "5m", "unit": "s"}]}}},
	"config": [{"name": "endpoint", "default": "https://api.example.com"}, {"name": "region", "enum": ["a", "b"]}, {"name": "size", "type": "float", "default": "1.5"}, {"name": "tags", "type": "list", "default": "a,b"}],
	"hosts": ["api.example.com", "{endpoint}", "*.{endpoint}", "s3.{region}.example.com:8443", "*.x-y.example.com"],
	"credentials": [{"name": "token", "scheme": "bearer", "hosts": ["{endpoint}"], "env": ["EXAMPLE_TOKEN"]},
		{"name": "key", "scheme": "header", "header": "X-Key", "prefix": "key ", "hosts": ["{endpoint}"]},
		{"name": "login", "scheme": "basic", "hosts": ["{endpoint}"], "env": ["U", "P"]},
		{"name": "aws", "scheme": "sigv4", "service": "s3", "region": "{region}", "hosts": ["{endpoint}"]}],
	"memory_mib": 128}`

func TestCheck(t *testing.T) {
	parse := func(s string) *Description {
		t.Helper()
		d := new(Description)
		if err := json.Unmarshal([]byte(s), d); err != nil {
			t.Fatalf("%v: %s", err, s)
		}
		return d
	}
	if err := parse(good).Check(); err != nil {
		t.Fatal(err)
	}
	many := func(format string) string { return strings.TrimSuffix(strings.Repeat(format+",", 201), ",") }
	for _, c := range []struct{ from, to, want string }{
		{`"abi": 1`, `"abi": 2`, "ABI version 2"},
		{`"abi": 1, `, ``, "ABI version 0"},
		{`"example"`, `"Example"`, "no name for a driver"},
		{`"example"`, `"ex ample"`, "no name for a driver"},
		{`"example"`, `"` + strings.Repeat("x", 41) + `"`, "no name for a driver"},
		{`"example"`, `"x\n"`, "no name for a driver"},
		{`"1.0"`, `""`, "no version"},
		{`"1.0"`, `"1.0 beta"`, "no version"},
		{`"1.0"`, `"../1"`, "no version"},
		{`"title": "Example"`, `"title": "Ex\u001b[2Jample"`, "control characters"},
		{`"title": "Example"`, `"title": "a\nb"`, "control characters"},
		{`"title": "Example"`, `"title": "` + strings.Repeat("x", 201) + `"`, "control characters"},
		{`"title": "Example"`, `"title": "x", "website": "https://x\r"`, "control characters"},
		{`and tabs.`, `\u009b31m`, "control characters"},
		{`"It cannot."`, `"\u0007"`, "control characters"},
		{`"operations": ["get_node"]`, `"doc": "\u0008"`, "control characters"},
		{`"families": {`, `"family": {`, "there are none"},
		{`"memory_mib": 128`, `"memory_mib": -1`, "memory_mib"},
		{`"memory_mib": 128`, `"memory_mib": 4097`, "memory_mib"},

		{`"name": "region"`, `"name": "Region"`, "no name for a value"},
		{`"name": "region"`, `"name": ""`, "no name for a value"},
		{`"name": "region"`, `"name": "a\" op:\"id"`, "no name for a value"},
		{`"name": "size"`, `"name": "region"`, "two values region"},
		{`"name": "size"`, `"name": "token"`, "two values token"},
		{`"name": "size"`, `"name": "driver"`, "two values driver"},
		{`"name": "size"`, `"name": "timeout"`, "two values timeout"},
		{`"name": "size"`, `"name": "rate_limit"`, "two values rate_limit"},
		{`"type": "float"`, `"type": "secret"`, `no type "secret"`},
		{`"type": "float"`, `"type": "int"`, "default"},
		{`"default": "1.5"`, `"default": "NaN"`, "no number that JSON has"},
		{`"default": "1.5"`, `"default": "-Inf"`, "no number that JSON has"},
		{`"default": "1.5"`, `"unit": "s"`, "no unit"},
		{`"default": "5m"`, `"default": "5 parsecs"`, "default"},
		{`"unit": "s"`, `"unit": "ms"`, "no unit"},
		{`["a", "b"]`, `["a", ""]`, "cannot be a word"},
		{`["a", "b"]`, `["a,b"]`, "cannot be a word"},
		{`["a", "b"]`, `["a\u001b"]`, "cannot be a word"},
		{`"default": "https://api.example.com"`, `"help": "\u001b[1m"`, "control characters"},
		{`"default": "https://api.example.com"`, `"default": "https://api.example.com\u0000"`, "control characters"},
		{`[{"name": "endpoint"`, `[` + many(`{"name": "x"}`) + `, {"name": "endpoint"`, "more than 200"},
		{`{"name": "x", "type"`, many(`{"name": "y"}`) + `, {"name": "x", "type"`, "more than 200"},
		{`{"name": "x", "type"`, `{"name": "x"}, {"name": "x", "type"`, "two values x"},
		{`{"name": "x", "type": "int"`, `{"name": "X", "type": "int"`, "no name for a value"},
		{`{"name": "x", "type": "int"`, `{"name": "x", "type": "integer"`, `no type "integer"`},

		{`["api.example.com",`, `["https://api.example.com",`, "is no host"},
		{`["api.example.com",`, `["api.example.com/x",`, "is no host"},
		{`["api.example.com",`, `["*",`, "is no host"},
		{`["api.example.com",`, `["*.*.example.com",`, "is no host"},
		{`["api.example.com",`, `["a.*.example.com",`, "is no host"},
		{`["api.example.com",`, `["API.example.com",`, "is no host"},
		{`["api.example.com",`, `["a@b.example.com",`, "is no host"},
		{`["api.example.com",`, `["a.example.com.",`, "is no host"},
		{`["api.example.com",`, `["a..example.com",`, "is no host"},
		{`["api.example.com",`, `["[::1]",`, "is no host"},
		{`["api.example.com",`, `["a.example.com:",`, "is no host"},
		{`["api.example.com",`, `["a.example.com\n",`, "is no host"},
		{`["api.example.com",`, `["",`, "is no host"},
		{`["api.example.com",`, `["{token}",`, `no configuration value "token"`},
		{`["api.example.com",`, `["{tags}",`, "is of type list"},
		{`["api.example.com",`, `["x.{size}.example.com",`, "is of type float"},
		{`["api.example.com",`, `[` + many(`"a.example.com"`) + `,`, "more than 200"},

		{`"scheme": "bearer"`, `"scheme": "digest"`, `no scheme "digest"`},
		{`"scheme": "bearer"`, `"scheme": ""`, "no scheme"},
		{`"name": "token"`, `"name": "To ken"`, "no name for a slot"},
		{`"name": "key"`, `"name": "token"`, "two values token"},
		{`"name": "key", "scheme": "header"`, `"name": "password", "scheme": "header"`, "two values password"},
		{`"hosts": ["{endpoint}"], "env": ["EXAMPLE_TOKEN"]`, `"hosts": []`, "names no hosts"},
		{`"hosts": ["{endpoint}"], "env": ["EXAMPLE_TOKEN"]`, `"hosts": ["evil.example"]`, "not among the hosts"},
		{`["EXAMPLE_TOKEN"]`, `["A", "B"]`, "env"},
		{`["EXAMPLE_TOKEN"]`, `["A=B"]`, "env"},
		{`["U", "P"]`, `["U", "P", "Q"]`, "env"},
		{`"header": "X-Key", `, ``, "scheme header"},
		{`"scheme": "bearer"`, `"scheme": "bearer", "header": "X"`, "scheme header"},
		{`"scheme": "bearer"`, `"scheme": "bearer", "prefix": "X"`, "scheme header"},
		{`"X-Key"`, `"X-Key: a"`, "scheme header"},
		{`"X-Key"`, `"X-Key\r\nX-Evil"`, "scheme header"},
		{`"key "`, `"key\r\nX-Evil: "`, "control characters"},
		{`"service": "s3", `, ``, "sigv4"},
		{`"scheme": "bearer"`, `"scheme": "bearer", "service": "s3", "region": "x"`, "sigv4"},
		{`"service": "s3"`, `"service": "s3) to a.example"`, "no service"},
		{`"region": "{region}"`, `"region": "{token}"`, `no configuration value "token"`},
		{`"region": "{region}"`, `"region": "eu\n1"`, "no service and no region"},
	} {
		if !strings.Contains(good, c.from) {
			t.Fatalf("%s is not there", c.from)
		}
		err := parse(strings.Replace(good, c.from, c.to, 1)).Check()
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%.80s: %v, want %q", c.to, err, c.want)
		}
	}
}

// FuzzCheck: what passes can be made into types, and be read.
func FuzzCheck(f *testing.F) {
	f.Add(good)
	f.Add(`{"abi": 1, "name": "x", "version": "1", "families": {"y": {}}, "config": [{"name": "a", "type": "any", "default": "x"}, {"name": "b", "type": "dict", "default": "{\"a\": [1]}"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		d := new(Description)
		if json.Unmarshal([]byte(s), d) != nil || d.Check() != nil {
			return
		}
		types := []*op.Type{TypeOf(d.Config)}
		for _, o := range d.Families {
			for _, fields := range o.Extras {
				types = append(types, TypeOf(fields))
			}
		}
		for _, typ := range types {
			if _, err := json.Marshal(typ.Schema()); err != nil {
				t.Errorf("%q: %v", s, err)
			}
		}
		for _, c := range d.Credentials {
			if text := c.String(); strings.ContainsAny(text, "\n\r\x1b") {
				t.Errorf("%q shows %q", s, text)
			}
		}
	})
}

func TestNumbers(t *testing.T) {
	v := Plain(map[string]any{"a": []any{json.Number("1"), json.Number("1.5"), json.Number("1e400"), json.Number("-9223372036854775808"), json.Number("9223372036854775808")}})
	if _, err := json.Marshal(v); err != nil {
		t.Error(err)
	}
	a := v.(map[string]any)["a"].([]any)
	if a[0] != int64(1) || a[1] != 1.5 || a[2] != "1e400" || a[3] != int64(-1<<63) || a[4] != float64(1<<63) {
		t.Errorf("%#v", a)
	}
}
