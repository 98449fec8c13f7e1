package wasm

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// FuzzParseDescription: what is accepted makes providers with valid schemas.
func FuzzParseDescription(f *testing.F) {
	f.Add([]byte(`{"abi": 1, "name": "fake", "version": "1", "title": "Fake", "families": {"compute": {"operations": ["get_node"], "honours_token": [], "missing": {"list_nodes": "x"},
		"extras": {"get_node": [{"name": "a", "type": "int", "unit": "GiB", "default": "1TiB"}]}}}, "config": [{"name": "a", "enum": ["x"], "default": "x"}], "hosts": ["{a}"],
		"credentials": [{"name": "t", "scheme": "sigv4", "service": "s3", "region": "{a}", "hosts": ["{a}"]}]}`))
	f.Add([]byte(`{"abi": 1, "name": "x", "version": "1", "families": {"storage": {"operations": ["read_object"]}}, "config": [{"name": "b", "type": "bool", "default": "true", "help": "\"` + "`" + `"}]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDescription(data)
		if err != nil {
			return
		}
		m := &Module{description: d, options: Options{}.complete()}
		for _, p := range m.makeProviders() {
			if _, err := json.Marshal(p.Config.Schema()); err != nil {
				t.Errorf("%q: %v", data, err)
			}
			if len(p.Operations()) == 0 {
				t.Errorf("%q: %s has no operations", data, p.Name)
			}
		}
		if err := same(d, d); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	})
}

// deep is how deep data is nested, by the library's own reading.
func deep(t *testing.T, data []byte) (level, most, items int) {
	dec := json.NewDecoder(bytes.NewReader(data))
	counts := []int{0}
	for {
		token, err := dec.Token()
		if err != nil {
			return level, most, items
		}
		d, ok := token.(json.Delim)
		if !ok || d == '[' || d == '{' {
			counts[len(counts)-1]++
			items = max(items, counts[len(counts)-1])
		}
		switch d {
		case '[', '{':
			level++
			counts = append(counts, 0)
		case ']', '}':
			level--
			counts = counts[:len(counts)-1]
		}
		most = max(most, level)
	}
}

// FuzzDepth: depth never lets through what is nested deeper, and refuses no
// JSON that is not.
func FuzzDepth(f *testing.F) {
	f.Add([]byte(`{"a": [1, {"b": "]}\"[["}], "\\": [[]]}`))
	f.Add([]byte(strings.Repeat("[", 65) + strings.Repeat("]", 65)))
	f.Add([]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64)))
	f.Add([]byte(strings.Repeat(`{"":`, 70)))
	f.Add([]byte(strings.Repeat("]", 70) + strings.Repeat("[", 70)))
	f.Add([]byte(`"\`))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := depth(data)
		if !json.Valid(data) {
			return
		}
		_, most, items := deep(t, data)
		if refused := err != nil; refused != (most > maxDepth) && items < maxItems {
			t.Errorf("%q is nested %d deep: %v", data, most, err)
		}
	})
}

func TestDepthCounts(t *testing.T) {
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("0,", n), ",") + "]" }
	for name, c := range map[string]struct {
		json string
		ok   bool
	}{
		"a long list":        {list(maxItems), true},
		"one too long":       {list(maxItems + 1), false},
		"many lists":         {`[` + strings.TrimSuffix(strings.Repeat(list(99_999)+",", 10), ",") + `]`, true},
		"too many lists":     {`[` + strings.TrimSuffix(strings.Repeat(list(99_999)+",", 11), ",") + `]`, false},
		"commas in a string": {`"` + strings.Repeat(",", 2*maxValues) + `"`, true},
		"one after another":  {strings.Repeat("[1,2],", maxItems-1) + "3", true},
	} {
		if err := depth([]byte(c.json)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// memoryModule is a module with a memory of one page, and nothing else.
const memoryModule = "\x00asm\x01\x00\x00\x00\x05\x03\x01\x00\x01\x07\x0a\x01\x06memory\x02\x00"

func memory(t testing.TB) api.Memory {
	t.Helper()
	rt := wazero.NewRuntime(context.Background())
	t.Cleanup(func() { rt.Close(context.Background()) })
	mod, err := rt.Instantiate(context.Background(), []byte(memoryModule))
	if err != nil {
		t.Fatal(err)
	}
	return mod.Memory()
}

// FuzzGuestMemory: an access is within the memory, and is refused exactly when it is not.
func FuzzGuestMemory(f *testing.F) {
	f.Add(uint64(0), uint64(0))
	f.Add(uint64(65535), uint64(1))
	f.Add(uint64(65535), uint64(2))
	f.Add(uint64(0xffffffff), uint64(0xffffffff))
	f.Add(uint64(1<<32), uint64(65536))
	mem := memory(f)
	i := &instance{memory: mem}
	m := guestMemory{mem}
	f.Fuzz(func(t *testing.T, ptr, n uint64) {
		p, l := uint64(uint32(ptr)), uint64(uint32(n))
		inside := p+l <= 65536
		b, err := m.bytes(ptr, n)
		if (err == nil) != (inside || l == 0) || err == nil && uint64(len(b)) != l {
			t.Errorf("%d bytes at %d: %d, %v", l, p, len(b), err)
		}
		s, err := i.read(p<<32|l, 1<<16)
		if (err == nil) != inside || err == nil && uint64(len(s)) != l {
			t.Errorf("an answer of %d bytes at %d: %d, %v", l, p, len(s), err)
		}
		if k, err := m.answer(ptr, n, "hello"); err == nil && (k != 7 || l >= 7 && string(b[:7]) != `"hello"`) {
			t.Errorf("%d bytes at %d: %d, %q", l, p, k, b)
		}
		if (guestMemory{}).Memory == nil && l > 0 {
			if _, err := (guestMemory{}).bytes(ptr, n); err == nil {
				t.Error("no memory was read")
			}
		}
	})
}

// FuzzImports calls every import with any arguments, in any order: none
// panics, and none fails without saying why.
func FuzzImports(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03"), `{"method": "GET", "url": "https://api.example.com"}`, int64(1), int64(0), int64(50))
	f.Add([]byte("\x02\x07\x05\x06\x08\x04\x09"), "md5", int64(1), int64(8), int64(3))
	f.Add([]byte("\x02\x02\x09\x09\x03"), `{"method":"PUT","url":"https://x","auth":"aws"}`, int64(-1), int64(65530), int64(1<<40))
	names := []string{"http_send", "http_head", "stream_new", "http_presign", "stream_take", "stream_digest", "stream_read", "stream_write", "stream_info", "close", "sleep"}
	if len(names) != len(hostFuncs) {
		f.Fatal("an import is missing")
	}
	mem := guestMemory{memory(f)}
	f.Fuzz(func(t *testing.T, order []byte, text string, a, b, n int64) {
		if len(order) > 200 || len(text) > 1<<14 {
			return
		}
		mem.Write(16, []byte(text))
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // nothing waits
		c := &call{caller: ctx, ctx: ctx, hard: t.Context(), closed: ctx, limits: Limits{Requests: 10, Held: 1 << 20, Spool: 1 << 20}.complete(), log: slog.New(slog.DiscardHandler),
			net: &network{slots: map[string]*slot{}}}
		if _, err := c.hold(bytes.NewReader(make([]byte, 1000))); err != nil {
			t.Fatal(err)
		}
		defer c.end()
		for at, o := range order {
			name := names[int(o)%len(names)]
			h := hostFuncs[name]
			stack := make([]uint64, max(1, len(h.params)))
			for i := range h.params {
				stack[i] = [][]uint64{{uint64(a), uint64(b), uint64(n), uint64(a), 16, 16}, {16, uint64(len(text)), uint64(b), uint64(n), uint64(a)}, {uint64(a), 16, uint64(len(text)), 40000, 1000}}[(at+int(o)/16)%3][i]
			}
			result, err := h.f(c, mem, stack)
			if err != nil {
				if c.fail(err); c.failed == nil || c.failed.Message == "" {
					t.Errorf("%s failed without a word: %v", name, err)
				}
			} else if result < 0 {
				t.Errorf("%s answered %d without an error", name, result)
			}
		}
		if c.holding < 0 || c.spooled < 0 && c.spools == 0 || c.holding > c.limits.Held {
			t.Errorf("%d bytes held, %d written", c.holding, c.spooled)
		}
	})
}

// FuzzDecode takes any answer apart as [driver.send] and those who call it do.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"result": {"id": "1", "extra": {"a": [1, 2.5, 1e400]}}}`, `{"items": [{"id": "1", "state": "running"}], "next": "x"}`, `{"error": {"kind": "x"}}`, `{"result": null}`} {
		f.Add(s)
	}
	get, err := compute.Family.Lookup("get_node")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if depth([]byte(text)) != nil {
			return
		}
		out := reflect.New(outType(get))
		into, done := abi.Target(out.Interface(), nil)
		answer := abi.Answer{Result: into}
		dec := json.NewDecoder(strings.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&answer) != nil {
			return
		}
		if answer.Error != nil {
			e := answer.Error.Op()
			if clean(e.Message, 4<<10); e.Message == "" || e.RetryAfter < 0 {
				t.Errorf("%q is %+v", text, e)
			}
		}
		if done() != nil || checkAnswer(get, out.Elem()) != nil {
			return
		}
		n := out.Elem().Interface().(compute.Node)
		if n.ID == "" {
			t.Errorf("%q has no id", text)
		}
		if _, err := json.Marshal(n); err != nil && op.KindOf(err) != "" {
			t.Errorf("%q cannot be sent on: %v", text, err)
		}
	})
}
