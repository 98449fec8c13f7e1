package lib_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/cloudlark/cloudlark/builtins/lib"
	"github.com/cloudlark/cloudlark/internal/glob"
)

// Every call here would take all memory, the stack, or all the time that a test has.
func TestTooMuch(t *testing.T) {
	const double = "def deep(n, x):\n    for i in range(n):\n        x = [x, x]\n    return x\n"
	const chain = "def chain(n):\n    x = []\n    for i in range(n):\n        x = [x]\n    return x\n"
	for _, c := range []struct{ src, want string }{
		{double + "json.encode(deep(40, 'a'))", "too large to print"},
		{chain + "json.encode_indent(chain(2000))", "nested more than 1000 deep"},
		{chain + "json.encode(chain(100000))", "nested more than 1000 deep"},
		{"json.decode('[' * 10000000)", "nested more than 1000 deep"},
		{"json.decode('[' + '1,' * 10000000 + '1]')", "more than 4194304 values"},
		{"json.decode('9' * 10000000)", "a number has more than 100000 digits"},
		{"json.indent('[' * 900 + '0,' * 100000 + '0' + ']' * 900, indent = ' ' * 100)", "more than 67108864 bytes"},
		{"json.encode_indent([1] * 1000, indent = ' ' * 1000000)", "more than 67108864 bytes"},
		{"json.encode_indent([1], prefix = 'x' * 60000000)", "more than 67108864 bytes"},
		{"re.search('(((x{10}){10}){10}){10}', 'x')", "invalid repeat count"},
		{"re.search('x' * 20000, 'x')", "the pattern has 20000 bytes; the limit is 10000"},
		{"re.search('(x{1000}|y){1}' * 5, 'x' * 10000000)", "with this pattern, a text may have"},
		{"re.findall('', 'x' * 10000000)", "more than 2097152 matches"},
		{"re.split('', 'x' * 10000000)", "more than 2097152 matches"},
		{"re.sub('x', 'y' * 1000000, 'x' * 1000)", "the result would have more than 67108864 bytes"},
		{"re.sub('x*', '$0$0$0$0', 'x' * 17000000)", "the result would have more than 67108864 bytes"},
		{chain + "table([{'a': chain(2000)}])", "nested more than 1000 deep"},
		{"table([{'a': 'x' * 1000000}] * 100)", "the table would have more than 67108864 bytes"},
		{"table(range(10000000000))", "a row is a record"},
		{"table([[1, 2]])", "a list where columns are given"},
		{chain + "log.info('x', y = chain(2000))", "nested more than 1000 deep"},
	} {
		_, _, err := exec(t, lib.Grants{}, c.src)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.100s: got %v, want %s", c.src, err, c.want)
		}
	}
}

func TestJSON(t *testing.T) {
	g, _, err := exec(t, lib.Grants{}, `
text = json.encode({"b": [1, 2.5, None, "\"\\ü"], "a": {}})
same = json.decode(text) == {"b": [1, 2.5, None, "\"\\ü"], "a": {}}
indented = json.encode_indent([1, {"a": "]"}], indent = " ")
again = json.indent("[1]", prefix = "> ")
missing = json.decode("{", default = 7)
`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"same": "True", "indented": `"[\n 1,\n {\n  \"a\": \"]\"\n }\n]"`, "again": `"[\n> \t1\n> ]"`, "missing": "7"} {
		if got := g[name].String(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// A list that holds itself can stand in a cell.
func TestTableOfRings(t *testing.T) {
	_, out, err := exec(t, lib.Grants{}, "x = [1]\nx.append(x)\ntable([{'a': x, 'b': range(10000000000), 'c': {'k': None}}])\ntable([(1, 'b')], columns = ['x', 'y'])\ntable([{}])\n")
	want := "A             B                   C\n1 [1, [...]]  range(10000000000)  k=\nX  Y\n1  b\n"
	if err != nil || !strings.HasPrefix(out, want) {
		t.Errorf("got %q, %v; want %q", out, err, want)
	}
}

// One that tries every way would not end.
func TestMatchIsQuick(t *testing.T) {
	name := strings.Repeat("a/", 60) + "b"
	if glob.Match(strings.Repeat("**/a/", 30)+"c", name) {
		t.Error("matched")
	}
	if !glob.Match(strings.Repeat("**/a/", 30)+"b", name) {
		t.Error("did not match")
	}
}

// Of several writers, one has written the whole file.
func TestWritersAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for _, c := range "abcdefgh" {
		wg.Go(func() {
			if _, _, err := exec(t, lib.Grants{Write: []string{dir}}, `write_file(dir + "/f", c * 1000000)`, "dir", dir, "c", string(c)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	data, err := os.ReadFile(filepath.Join(dir, "f"))
	if err != nil || len(data) != 1_000_000 || strings.Trim(string(data), string(data[:1])) != "" {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("something is left: %v, %v", entries, err)
	}
}
