package op_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/cloudlark/cloudlark/drivers/op"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m":      5 * time.Minute,
		" 1h30m ": 90 * time.Minute,
		"7d":      7 * 24 * time.Hour,
		"1d12h":   36 * time.Hour,
		"2w":      14 * 24 * time.Hour,
		"1w2d3h":  9*24*time.Hour + 3*time.Hour,
		"0.5d":    12 * time.Hour,
		"-5m":     -5 * time.Minute,
		"-1d12h":  -36 * time.Hour,
		"250ms":   250 * time.Millisecond,
		"0s":      0,
		"0":       0,
		"106751d": 106751 * 24 * time.Hour,
	} {
		if got, err := op.ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "-", "5", "m", "d", "w", "1h2d", "1d2w", "1d1d", "nand", "infd", "1e3d", "0x1d", "+1d", "1d-1h",
		"--1d", "106752d", "100000d999999h", "99999999999w", "five minutes", "1d 12h", "5 m"} {
		if got, err := op.ParseDuration(text); err == nil {
			t.Errorf("%q is %s, want an error", text, got)
		}
	}
}

func TestParseUnit(t *testing.T) {
	for _, c := range []struct {
		text, unit string
		want       int64
	}{
		{"5m", "s", 300},
		{"1d", "s", 86400},
		{"0s", "s", 0},
		{"64MiB", "bytes", 64 << 20},
		{"64 MiB", "bytes", 64 << 20},
		{"64mib", "bytes", 64 << 20},
		{"10GB", "bytes", 10_000_000_000},
		{"1k", "bytes", 1024},
		{"17", "bytes", 17},
		{"17b", "bytes", 17},
		{"1.5KiB", "bytes", 1536},
		{"64GiB", "MiB", 65536},
		{"1TiB", "GiB", 1024},
		{"1024MiB", "GiB", 1},
		{"0.5GiB", "MiB", 512},
	} {
		if got, err := op.ParseUnit(c.text, c.unit); err != nil || got != c.want {
			t.Errorf("%q in %s: %d, %v; want %d", c.text, c.unit, got, err, c.want)
		}
	}
	for _, c := range [][2]string{{"", "s"}, {"1500ms", "s"}, {"5", "s"}, {"", "bytes"}, {"MiB", "bytes"}, {"1.5", "bytes"}, {"10GB", "GiB"},
		{"512MiB", "GiB"}, {"1XiB", "bytes"}, {"1 2MiB", "bytes"}, {"1e400", "bytes"}, {"9000PiB", "bytes"}, {"nan", "bytes"}, {"inf", "bytes"},
		{"5s", "bytes"}, {"64MiB", "s"}, {"1", "USD/h"}, {"1", ""}} {
		if got, err := op.ParseUnit(c[0], c[1]); err == nil {
			t.Errorf("%q in %s is %d, want an error", c[0], c[1], got)
		}
	}
}

// everything has a field of every sort that a contract or a configuration may have.
type everything struct {
	Text    string            `json:"text" op:"required" help:"."`
	Flag    bool              `json:"flag" help:"."`
	Count   int               `json:"count" default:"3" help:"."`
	Small   int32             `json:"small" help:"."`
	Size    int64             `json:"size" unit:"bytes" help:"."`
	Wait    int               `json:"wait" unit:"s" default:"5m" help:"."`
	Rate    float64           `json:"rate" help:"."`
	Perhaps *bool             `json:"perhaps" help:"."`
	Known   *int64            `json:"known" unit:"bytes" help:"."`
	Level   level             `json:"level" default:"low" help:"."`
	Levels  []level           `json:"levels" help:"."`
	Names   []string          `json:"names" help:"."`
	Numbers []int             `json:"numbers" help:"."`
	Tags    map[string]string `json:"tags" help:"."`
	Extra   map[string]any    `json:"extra" help:"."`
	At      time.Time         `json:"at" help:"."`
	Key     op.Secret         `json:"key" help:"."`
	Bytes   []byte            `json:"bytes" help:"."`
	Any     any               `json:"any" help:"."`
	Maybe   *part             `json:"maybe" help:"."`
	Parts   []part            `json:"parts" help:"."`
}

type part struct {
	Name string `json:"name" op:"required" help:"."`
	Port int    `json:"port" default:"80" help:"."`
}

type level string

func (level) Values() []string { return []string{"low", "middle", "high"} }

func TestParse(t *testing.T) {
	typ := op.TypeOf(reflect.TypeFor[everything]())
	for _, c := range []struct {
		field, text string
		want        any // nil: an error
	}{
		{"text", "a=b, c", "a=b, c"},
		{"text", "", ""},
		{"flag", "true", true},
		{"flag", "0", false},
		{"flag", "yes", nil},
		{"count", "-7", int64(-7)},
		{"count", "7.5", nil},
		{"count", "5m", nil},
		{"wait", "5m", int64(300)},
		{"wait", "300", int64(300)},
		{"wait", "soon", nil},
		{"size", "64MiB", int64(64 << 20)},
		{"known", "1KiB", int64(1024)},
		{"rate", "0.5", 0.5},
		{"rate", "half", nil},
		{"perhaps", "false", false},
		{"names", "a, b,c", []any{"a", "b", "c"}},
		{"names", `["a,b", "c"]`, []any{"a,b", "c"}},
		{"names", `["a"`, nil},
		{"numbers", "1,2", []any{int64(1), int64(2)}},
		{"numbers", "1,x", nil},
		{"tags", "a=1, b=2=3", map[string]any{"a": "1", "b": "2=3"}},
		{"tags", `{"a": "1"}`, map[string]any{"a": "1"}},
		{"tags", "a", nil},
		{"tags", "", map[string]any{}},
		{"bytes", "abc", []byte("abc")},
		{"at", "2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"},
		{"maybe", `{"name": "a"}`, map[string]any{"name": "a"}},
		{"maybe", "name=a", nil},
		{"names", "", []any{}},
		{"parts", `[{"name": "a", "port": 1}]`, []any{map[string]any{"name": "a", "port": 1.0}}},
	} {
		got, err := typ.Field(c.field).Parse(c.text)
		if c.want == nil {
			if op.KindOf(err) != op.InvalidArgument {
				t.Errorf("%s: %q is %#v, %v; want invalid_argument", c.field, c.text, got, err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q is %#v, %v; want %#v", c.field, c.text, got, err, c.want)
		}
		// What Parse gives, Decode takes.
		if _, err := typ.Decode(map[string]any{"text": "x", c.field: got}, nil); err != nil && c.field != "text" {
			t.Errorf("%s: Decode does not take %#v, from %q: %v", c.field, got, c.text, err)
		}
	}
}

func FuzzParseUnit(f *testing.F) {
	for _, s := range []string{"5m", "1d12h", "2w", "-1d", "nand", "1e9w", "64MiB", "10 GB", "1.5k", "0x10", "+3s", "9999999999d", "µs", "1µs"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, unit := range []string{"s", "bytes", "MiB", "GiB", "USD/h", ""} {
			n, err := op.ParseUnit(text, unit)
			if err == nil && (n >= 1<<53 || n <= -1<<53) {
				t.Errorf("%q is %d %s, more than a script's number holds exactly", text, n, unit)
			}
		}
		if d, err := op.ParseDuration(text); err == nil {
			if again, err := op.ParseDuration(d.String()); err != nil || again != d && d != math.MinInt64 {
				t.Errorf("%q is %s, which is %s, %v", text, d, again, err)
			}
		}
	})
}
