package op_test

import (
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/drivers/storage"
)

// held is a value as a script holds it.
type held struct{ p any }

func (h held) Held() any { return h.p }

func decode[T any](args map[string]any, receiver op.Holder) (T, error) {
	v, err := op.TypeOf(reflect.TypeFor[T]()).Decode(args, receiver)
	if err != nil {
		return *new(T), err
	}
	return v.(T), nil
}

func TestDecode(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	yes, kib := true, int64(1024)
	base := func(change func(e *everything)) everything {
		e := everything{Text: "x", Count: 3, Wait: 300, Level: "low"} // the defaults
		change(&e)
		return e
	}
	for _, c := range []struct {
		name string
		arg  any
		want func(e *everything)
	}{
		{"flag", true, func(e *everything) { e.Flag = true }},
		{"count", 7, func(e *everything) { e.Count = 7 }},
		{"count", int64(7), func(e *everything) { e.Count = 7 }},
		{"count", 7.0, func(e *everything) { e.Count = 7 }},
		{"count", json.Number("7"), func(e *everything) { e.Count = 7 }},
		{"count", nil, func(*everything) {}},
		{"size", "1MiB", func(e *everything) { e.Size = 1 << 20 }},
		{"size", 17, func(e *everything) { e.Size = 17 }},
		{"wait", "2m", func(e *everything) { e.Wait = 120 }},
		{"rate", 1, func(e *everything) { e.Rate = 1 }},
		{"rate", 0.5, func(e *everything) { e.Rate = 0.5 }},
		{"rate", json.Number("0.5"), func(e *everything) { e.Rate = 0.5 }},
		{"perhaps", true, func(e *everything) { e.Perhaps = &yes }},
		{"known", "1KiB", func(e *everything) { e.Known = &kib }},
		{"level", "high", func(e *everything) { e.Level = "high" }},
		{"levels", []any{"low", "high"}, func(e *everything) { e.Levels = []level{"low", "high"} }},
		{"names", []any{"a", "b"}, func(e *everything) { e.Names = []string{"a", "b"} }},
		{"names", []any{}, func(e *everything) { e.Names = []string{} }},
		{"numbers", []any{1, 2.0}, func(e *everything) { e.Numbers = []int{1, 2} }},
		{"tags", map[string]any{"a": "1"}, func(e *everything) { e.Tags = map[string]string{"a": "1"} }},
		{"extra", map[string]any{"a": []any{1, nil}}, func(e *everything) { e.Extra = map[string]any{"a": []any{1, nil}} }},
		{"at", at, func(e *everything) { e.At = at }},
		{"at", "2026-01-02T03:04:05Z", func(e *everything) { e.At = at }},
		{"key", "hidden", func(e *everything) { e.Key = "hidden" }},
		{"key", op.Secret("hidden"), func(e *everything) { e.Key = "hidden" }},
		{"bytes", []byte("abc"), func(e *everything) { e.Bytes = []byte("abc") }},
		{"any", map[string]any{"a": 1}, func(e *everything) { e.Any = map[string]any{"a": 1} }},
		{"maybe", map[string]any{"name": "n"}, func(e *everything) { e.Maybe = &part{Name: "n", Port: 80} }},
		{"maybe", held{&part{Name: "n"}}, func(e *everything) { e.Maybe = &part{Name: "n", Port: 80} }},
		{"parts", []any{map[string]any{"name": "n", "port": 1}, held{&part{Name: "m"}}}, func(e *everything) { e.Parts = []part{{"n", 1}, {"m", 80}} }},
	} {
		got, err := decode[everything](map[string]any{"text": "x", c.name: c.arg}, nil)
		if want := base(c.want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s = %v:\ngot  %+v, %v\nwant %+v", c.name, c.arg, got, err, want)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		arg  any
		want string
	}{
		{"txet", "x", `there is no argument "txet"; did you mean text?`},
		{"text", 3, `text: want string, got 3`},
		{"text", nil, `argument "text" is missing`},
		{"text", op.Secret("hidden"), `text: a secret may not stand in a field that is not secret`},
		{"text", strings.Repeat("long ", 100), ``},
		{"flag", "true", `flag: want bool, got "true"`},
		{"flag", 1, `flag: want bool, got 1`},
		{"count", "7", `count: want int, got "7"`},
		{"count", 7.5, `count: want int, got 7.5`},
		{"count", json.Number("7.5"), `count: want int, got json.Number`},
		{"count", op.Secret("hidden"), `count: want int, got secret`},
		{"small", 1 << 40, `small: 1099511627776 is out of range`},
		{"wait", "soon", `wait: "soon" is not a duration like "5m" or "7d"`},
		{"size", "much", `size: "much" is not a size like "64MiB"`},
		{"size", []any{}, `size: want int (bytes), got list`},
		{"rate", "half", `rate: want float, got "half"`},
		{"level", "hihg", `level: there is no "hihg"; did you mean high?`},
		{"levels", []any{"low", "none"}, `levels: there is no "none" (there are: low, middle, high)`},
		{"names", "a", `names: want list of string, got "a"`},
		{"names", []any{"a", 1}, `names[1]: want string, got 1`},
		{"tags", map[string]any{"a": 1}, `tags["a"]: want string, got 1`},
		{"tags", []any{}, `tags: want dict of string, got list`},
		{"at", "yesterday", `at: want time, got "yesterday"`},
		{"bytes", "abc", `bytes: want bytes, got "abc"`},
		{"maybe", map[string]any{"naem": "n"}, `there is no argument "maybe.naem"; did you mean name?`},
		{"maybe", map[string]any{"port": 1}, `maybe: argument "name" is missing`},
		{"maybe", map[string]any{"name": "n", "port": "x"}, `maybe.port: want int, got "x"`},
		{"maybe", "n", `maybe: want part, got "n"`},
		{"maybe", held{&storage.Bucket{Name: "b"}}, `maybe: want part, got bucket`},
		{"parts", []any{map[string]any{}}, `parts[0]: argument "name" is missing`},
		{"names", []any{held{&storage.Bucket{Name: "b"}}}, `names[0]: want string, got bucket`},
	} {
		args := map[string]any{"text": "x"}
		args[c.name] = c.arg
		_, err := decode[everything](args, nil)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if want := "invalid argument: " + c.want; err == nil || err.Error() != want {
			t.Errorf("%s = %v:\ngot  %v\nwant %s", c.name, c.arg, err, want)
		}
	}
	long, err := decode[everything](map[string]any{"text": "x", "count": strings.Repeat("ü", 1000)}, nil)
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("a long argument makes a long message: %v, %v", long, err)
	}
}

// share is required, and its zero is a value.
type share struct {
	Name    string `json:"name" op:"required" help:"."`
	Percent int    `json:"percent" op:"required,zero" help:"."`
}

func TestRequiredZero(t *testing.T) {
	nested := func(args map[string]any) error {
		_, err := decode[struct {
			Shares *share `json:"shares"`
		}](map[string]any{"shares": args}, nil)
		return err
	}
	if got, err := decode[share](map[string]any{"name": "a", "percent": 0}, nil); err != nil || got != (share{Name: "a"}) {
		t.Errorf("with 0: %+v, %v", got, err)
	}
	for _, args := range []map[string]any{{"name": "a"}, {"name": "a", "percent": nil}} {
		if _, err := decode[share](args, nil); err == nil || err.Error() != `invalid argument: argument "percent" is missing` {
			t.Errorf("with %v: %v", args, err)
		}
	}
	if err := nested(map[string]any{"name": "a", "percent": 0}); err != nil {
		t.Errorf("with 0 inside: %v", err)
	}
	if err := nested(map[string]any{"name": "a"}); err == nil || err.Error() != `invalid argument: argument "shares.percent" is missing` {
		t.Errorf("without it inside: %v", err)
	}
	// In a struct nobody can tell 0 from nothing.
	if _, err := op.TypeOf(reflect.TypeFor[share]()).Complete(share{Name: "a"}); err != nil {
		t.Errorf("from Go: %v", err)
	}
	if _, err := op.TypeOf(reflect.TypeFor[share]()).Complete(share{Percent: 1}); err == nil {
		t.Error("from Go, a name that is missing was not missed")
	}
}

// Of a number with a default, 0 would be taken for nothing: unless it is a pointer.
func TestDefaultOrZero(t *testing.T) {
	type settings struct {
		Weight  int  `json:"weight" default:"1" help:"."`
		Timeout *int `json:"timeout" default:"10" unit:"s" help:"."`
		Checks  []struct {
			Interval int `json:"interval" default:"30" unit:"s" help:"."`
		} `json:"checks"`
	}
	got, err := decode[settings](map[string]any{"timeout": 0}, nil)
	if err != nil || got.Weight != 1 || *got.Timeout != 0 {
		t.Errorf("with 0 where it is a value: %+v, %v", got, err)
	}
	if got, err = decode[settings](nil, nil); err != nil || *got.Timeout != 10 {
		t.Errorf("with nothing: %+v, %v", got, err)
	}
	for _, c := range []struct {
		args map[string]any
		want string
	}{
		{map[string]any{"weight": 0}, "weight: it cannot be 0; left out, it is 1"},
		{map[string]any{"checks": []any{map[string]any{"interval": "0s"}}}, "checks[0].interval: it cannot be 0; left out, it is 30"},
	} {
		if _, err := decode[settings](c.args, nil); err == nil || err.Error() != "invalid argument: "+c.want {
			t.Errorf("with %v: %v", c.args, err)
		}
	}
}

// Inputs that refer to values, as in the storage contract.
type put struct {
	Bucket string    `json:"bucket" op:"required" ref:"bucket" help:"."`
	Name   string    `json:"name" op:"required" ref:"object" help:"."`
	To     string    `json:"to" ref:"bucket" help:"."`
	Others []string  `json:"others" ref:"object" help:"."`
	Body   io.Reader `json:"body" help:"."`
}

func TestDecodeReferences(t *testing.T) {
	bucket := held{&storage.Bucket{Name: "b"}}
	other := held{&storage.Bucket{Name: "other"}}
	object := held{&storage.Object{Bucket: "b", Name: "o"}}
	for _, c := range []struct {
		what     string
		args     map[string]any
		receiver op.Holder
		want     put
		err      string
	}{
		{"ids", map[string]any{"bucket": "b", "name": "o"}, nil, put{Bucket: "b", Name: "o"}, ""},
		{"values", map[string]any{"bucket": bucket, "name": object}, nil, put{Bucket: "b", Name: "o"}, ""},
		{"receiver", map[string]any{"name": "o"}, bucket, put{Bucket: "b", Name: "o"}, ""},
		{"receiver and what it is in", nil, object, put{Bucket: "b", Name: "o"}, ""},
		{"argument over receiver", map[string]any{"bucket": "mine"}, object, put{Bucket: "mine", Name: "o"}, ""},
		{"the second field of its type stays", map[string]any{"to": other}, object, put{Bucket: "b", Name: "o", To: "other"}, ""},
		{"what an argument is in", map[string]any{"name": object}, nil, put{Bucket: "b", Name: "o"}, ""},
		{"a value where its own is wanted", map[string]any{"bucket": object, "name": "n"}, nil, put{Bucket: "b", Name: "n"}, ""},
		{"list of values", map[string]any{"others": []any{object, "p"}}, object, put{Bucket: "b", Name: "o", Others: []string{"o", "p"}}, ""},
		{"an argument is not the receiver", map[string]any{"name": "o", "to": other}, nil, put{}, `argument "bucket" is missing`},
		{"the wrong sort", map[string]any{"name": bucket}, nil, put{}, `name: want object or its id, got bucket`},
	} {
		got, err := decode[put](c.args, c.receiver)
		switch {
		case c.err != "":
			if err == nil || err.Error() != "invalid argument: "+c.err {
				t.Errorf("%s: %+v, %v; want %s", c.what, got, err, c.err)
			}
		case err != nil || !reflect.DeepEqual(got, c.want):
			t.Errorf("%s: %+v, %v; want %+v", c.what, got, err, c.want)
		}
	}
}

func TestDecodeStreams(t *testing.T) {
	reader := strings.NewReader("stream")
	for _, body := range []any{"text", []byte("text"), reader} {
		p, err := decode[put](map[string]any{"bucket": "b", "name": "o", "body": body}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body == any(reader) {
			if p.Body != io.Reader(reader) {
				t.Errorf("the stream became %v", p.Body)
			}
		} else if got, _ := io.ReadAll(p.Body); string(got) != "text" {
			t.Errorf("%T gives %q", body, got)
		}
	}
	if _, err := decode[put](map[string]any{"bucket": "b", "name": "o", "body": 3}, nil); err == nil || err.Error() != "invalid argument: body: want stream, got 3" {
		t.Error(err)
	}
}

// TestDecodeLeavesArguments: what is decoded, and what is completed, is the caller's.
func TestDecodeLeavesArguments(t *testing.T) {
	parts := []part{{Name: "a"}}
	maybe := &part{Name: "m"}
	in := everything{Text: "x", Parts: parts, Maybe: maybe}
	out, err := op.TypeOf(reflect.TypeFor[everything]()).Complete(in)
	if err != nil {
		t.Fatal(err)
	}
	if got := out.(everything); got.Parts[0].Port != 80 || got.Maybe.Port != 80 || got.Count != 3 {
		t.Errorf("not completed: %+v", got)
	}
	if in.Count != 0 || parts[0].Port != 0 || maybe.Port != 0 {
		t.Errorf("completing has changed the caller's %+v, %+v, %+v", in, parts, maybe)
	}
	held := held{maybe}
	if _, err := decode[everything](map[string]any{"text": "x", "maybe": held}, nil); err != nil || maybe.Port != 0 {
		t.Errorf("decoding has changed the caller's %+v, %v", maybe, err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"text": "x"}`, `{"text": "x", "count": 7.5, "tags": {"a": null}}`, `{"parts": [{"name": "n"}, 3]}`,
		`{"txet": []}`, `{"text": "x", "at": "2026-01-02T03:04:05Z", "size": "64MiB", "extra": {"a": {"b": [1, true, null]}}}`} {
		f.Add(s)
	}
	typ := op.TypeOf(reflect.TypeFor[everything]())
	f.Fuzz(func(t *testing.T, text string) {
		var args map[string]any
		if json.Unmarshal([]byte(text), &args) != nil {
			t.Skip()
		}
		names := slices.Sorted(maps.Keys(args))
		v, err := typ.Decode(args, nil)
		if !slices.Equal(names, slices.Sorted(maps.Keys(args))) {
			t.Errorf("the arguments were changed: %v", args)
		}
		if err != nil {
			if op.KindOf(err) != op.InvalidArgument {
				t.Errorf("%s: %v", text, err)
			}
			return
		}
		// What is decoded is complete.
		again, err := typ.Complete(v)
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%s: %+v completes to %+v, %v", text, v, again, err)
		}
	})
}
