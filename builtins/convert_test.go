package builtins_test

import (
	"bytes"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/cloudlark/cloudlark/builtins"
	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/compute"
)

func TestGoAndBack(t *testing.T) {
	for _, v := range []any{nil, true, int64(3), new(big.Int).Lsh(big.NewInt(1), 80), 2.5, "x", []byte("b"), time.Minute,
		time.Unix(1, 0).UTC(), drivers.Secret("s"), []any{int64(1), "x"}, map[string]any{"a": []any{nil}},
		compute.Volume{ID: "v-1", Name: "data"}} {
		s, err := builtins.FromGo(v)
		if err != nil {
			t.Errorf("%v: %v", v, err)
			continue
		}
		if got, err := builtins.ToGo(s); err != nil || !reflect.DeepEqual(got, v) {
			t.Errorf("%v became %s became %v, %v", v, s, got, err)
		}
	}
	for _, v := range []any{make(chan int), func() {}, map[int]string{1: "x"}} {
		if s, err := builtins.FromGo(v); err == nil {
			t.Errorf("%T became %s", v, s)
		}
	}
}

func TestDeclared(t *testing.T) {
	for _, test := range []struct {
		src  string
		want []builtins.Param
		err  string
	}{
		{`p = params(cloud = "sim", n = param(2, help = "how many"), size = param(required = True, type = str, choices = ["s", "m"]))` + "\nfail('not reached')",
			[]builtins.Param{{Name: "cloud", Type: "string", Default: "sim"}, {Name: "n", Type: "int", Default: int64(2), Help: "how many"},
				{Name: "size", Type: "string", Required: true, Choices: []string{"s", "m"}}}, ""},
		{`cloud = compute.driver("sim")` + "\np = params(x = 1)", nil, ""},
		{`print("no parameters")`, nil, ""},
		{`p = params(x = len)`, nil, "a default is a string"},
		{`p = params(`, nil, "syntax error"},
	} {
		var out bytes.Buffer
		got, err := builtins.Declared(t.Context(), options(t, fstest.MapFS{"main.star": {Data: []byte(test.src)}}, "main.star", &out))
		if !reflect.DeepEqual(got, test.want) || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) || out.Len() > 0 {
			t.Errorf("%s\n got %+v, %v %q", test.src, got, err, out.String())
		}
	}
}
