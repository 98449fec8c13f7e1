package guard_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/cloudlark/cloudlark/builtins/guard"
	"github.com/cloudlark/cloudlark/drivers/op"
)

var dialect = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}

// run executes a guarded script and returns its globals. The script may take so
// many steps.
func run(src string, limits guard.Limits, steps uint64) (globals starlark.StringDict, err error) {
	defer guard.Recover(&err)
	f, err := guard.Parse(dialect, "test.star", []byte(src))
	if err != nil {
		return nil, err
	}
	predeclared := limits.Universe()
	prog, err := starlark.FileProgram(f, predeclared.Has)
	if err != nil {
		return nil, err
	}
	thread := &starlark.Thread{Print: func(*starlark.Thread, string) {}}
	thread.SetMaxExecutionSteps(steps)
	return prog.Init(thread, predeclared)
}

// Every script here does too much in a single step: without a guard it takes all
// memory, all time, or the process.
func TestTooMuch(t *testing.T) {
	limits := guard.Limits{Bytes: 4 << 20, Items: 1 << 18, Depth: 1000}
	nested := "x = ['a']\nfor i in range(40):\n    x = [x, x]\n"
	deep := "x = []\nfor i in range(100000):\n    x = [x]\n"
	for _, test := range []struct{ name, src, want string }{
		{"string times", `"a" * 1000000000`, "1000000000 bytes; the limit is 4194304"},
		{"times string", `1000000000 * "ab"`, "2000000000 bytes"},
		{"bytes times", `b"a" * 1000000000`, "1000000000 bytes"},
		{"list times", `[0] * 1000000000`, "1000000000 items; the limit is 262144"},
		{"tuple times", `(0, 1) * 1000000000`, "2000000000 items"},
		{"times more than there are", `"ab" * (1 << 100)`, "more bytes than any machine"},
		{"times assigned", "x = 'a'\nx *= 1000000000", "1000000000 bytes"},
		{"times assigned to an element", "x = ['a']\nx[0] *= 1000000000", "1000000000 bytes"},
		{"squares", "x = 3\nwhile True:\n    x = x * x", "bits; the limit is 1048576"},
		{"squares assigned", "x = 3\nwhile True:\n    x *= x", "bits; the limit is 1048576"},
		{"shifts", "x = 1\nwhile True:\n    x = x << 511", "bits; the limit is 1048576"},
		{"doubled string", "x = 'ab'\nwhile True:\n    x += x", "bytes; the limit is 4194304"},
		{"doubled list", "x = [1]\nwhile True:\n    x = x + x", "items; the limit is 262144"},
		{"doubled in place", "x = [1]\nwhile True:\n    x += x", "items; the limit is 262144"},
		{"list plus range", "x = []\nx += range(10000000000)", "10000000000 items"},
		{"doubled tuple", "x = (1,)\nwhile True:\n    x = x + x", "too large to make"},
		{"long number", `int("9" * 1000000)`, "the text has 1000000 characters"},

		{"join", `("a" * 1000000).join(["b"] * 1000)`, "more than 4194304 bytes"},
		{"replace", `("a" * 1000000).replace("", "b" * 1000000)`, "more than 4194304 bytes"},
		{"replace by getattr", `getattr("a" * 1000000, "replace")("", "b" * 1000000)`, "more than 4194304 bytes"},
		{"replace as a value", "f = ('a' * 1000000).replace\nf('', 'b' * 1000000)", "more than 4194304 bytes"},
		{"split", `("a " * 800000).split(" ")`, "800001 items"},
		{"split at space", `("a " * 800000).split()`, "800000 items"},
		{"lines", `("\n" * 800000).splitlines()`, "800000 items"},
		{"format", `("{0}" * 1000000).format("a" * 1000000)`, "more than 4194304 bytes"},
		{"format by name", `("{x}" * 1000000).format(x = "a" * 1000000)`, "more than 4194304 bytes"},
		{"percent", `("%s" * 10) % (("a" * 1000000,) * 10)`, "more than 4194304 bytes"},
		{"percent by name", `("%(x)s" * 100000) % {"x": "a" * 1000000}`, "more than 4194304 bytes"},
		{"percent of a deep list", deep + `"%s" % x`, "nested more than 1000 deep"},
		{"percent of a list", nested + `"%s" % [x]`, "too large to print"},

		{"list", `list(range(10000000000))`, "list: the result would have 10000000000 items; the limit is 262144"},
		{"tuple", `tuple(range(10000000000))`, "tuple: the result would have 10000000000 items"},
		{"set", `set(range(10000000000))`, "set: the result"},
		{"dict", `dict(range(10000000000))`, "dict: the result"},
		{"sorted", `sorted(range(10000000000))`, "sorted: the result"},
		{"reversed", `reversed(range(10000000000))`, "reversed: the result"},
		{"enumerate", `enumerate(range(10000000000))`, "enumerate: the result"},
		{"zip", `zip(range(10000000000))`, "zip: the result"},
		{"bytes", `bytes(range(10000000000))`, "bytes: the result"},
		{"all", `all(range(1, 10000000000))`, "all: there are 9999999999 items"},
		{"any", `any(range(0, 10000000000))`, "any: there are 10000000000 items"},
		{"max", `max(range(10000000000))`, "max: there are 10000000000 items"},
		{"min by key", `min(range(10000000000), key = lambda x: x)`, "min: there are 10000000000 items"},
		{"extend", `[].extend(range(10000000000))`, "10000000000 items"},
		{"dict.update", `{}.update(range(10000000000))`, "10000000000 items"},
		{"set.union", `set().union(range(10000000000))`, "10000000000 items"},
		{"set.issubset", `set().issubset(range(10000000000))`, "10000000000 items"},
		{"spread", "def f(*args):\n    return args\nf(*range(10000000000))", "10000000000 items"},
		{"elems", `list(("a" * 3000000).elems())`, "3000000 items"},
		{"codepoints", `list(("a" * 3000000).codepoints())`, "more than 262144 items"},

		{"str", nested + "str(x)", "str: the value is too large to print"},
		{"repr", nested + "repr(x)", "repr: the value is too large to print"},
		{"print", nested + "print(x)", "print: the value is too large to print"},
		{"print with much between", `print(sep = "b" * 1000000, *(["a"] * 10000))`, "print: the result would have more than 4194304 bytes"},
		{"fail", nested + "fail(x)", "fail: the value is too large to print"},
		{"str of a struct", "x = 1\nfor i in range(30):\n    x = struct(a = [x], b = [x])\nstr(x)", "str: the "},
		{"str of a list of texts", `str(["a" * 1000000] * 1000)`, "str: the result would have more than 4194304 bytes"},
		{"deep str", deep + "str(x)", "nested more than 1000 deep"},
		{"deep repr of a dict", "x = {}\nfor i in range(100000):\n    x = {1: x}\nrepr(x)", "nested more than 1000 deep"},
		{"compare", nested + "y = ['a']\nfor i in range(12):\n    y = [y] * 1000\nz = ['a']\nfor i in range(12):\n    z = [z] * 1000\ny == z", "too large to compare"},
		{"in", "y = ['a']\nfor i in range(12):\n    y = [y] * 1000\nz = ['a']\nfor i in range(12):\n    z = [z] * 1000\ny in [z]", "too large to compare"},
		{"index", "y = ['a']\nfor i in range(12):\n    y = [y] * 1000\nz = ['a']\nfor i in range(12):\n    z = [z] * 1000\n[z].index(y)", "too large to compare"},
		{"sorted lists", "y = ['a']\nfor i in range(12):\n    y = [y] * 1000\nz = ['a']\nfor i in range(12):\n    z = [z] * 1000\nsorted([y, z])", "too large to compare"},

		{"tuple of tuples", "x = (1,)\nfor i in range(50):\n    x = (x, x)", "too large to make"},
		{"deep tuple", "x = ()\nfor i in range(5000):\n    x = (x,)", "nested more than 1000 deep"},
		{"tuple by *args", "def f(*args):\n    return args\nx = 1\nfor i in range(50):\n    x = f(x, x)", "too large to make"},
		{"tuple by *args of lambda", "f = lambda *args: args\nx = 1\nfor i in range(50):\n    x = f(x, x)", "too large to make"},
		{"tuple by zip", "x = 1\nfor i in range(50):\n    x = zip([x], [x])[0]", "too large to make"},
		{"tuple by tuple", "x = 1\nfor i in range(50):\n    x = tuple([x, x])", "too large to make"},
		{"tuple by items", "x = 1\nfor i in range(50):\n    d = {0: x}\n    d[1] = x\n    x = tuple([v for _, v in d.items()])", "too large to make"},
		{"tuple by times", "x = (1,)\nfor i in range(50):\n    x = (x,) * 2", "too large to make"},
		{"struct of structs", "x = 1\nfor i in range(50):\n    x = struct(a = x, b = x)", "too large to make"},
		{"tuple of long texts", `("a" * 3000000,) * 100`, "too large to make"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := run(test.src, limits, 100_000_000)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
			if e, ok := errors.AsType[*op.Error](err); ok && e.Kind != op.InvalidArgument {
				t.Errorf("kind %s", e.Kind)
			}
		})
	}
}

// What the interpreter panics on is an error, too.
func TestRecover(t *testing.T) {
	_, err := run("range(1)[::1 << 30][::1 << 30][::16]", guard.Default, 1000)
	if err == nil || op.KindOf(err) != op.Internal || !strings.Contains(err.Error(), "a defect of the interpreter, in starlark.") {
		t.Error(err)
	}
	if _, err := run("set([1]).difference()", guard.Default, 1000); err == nil || !strings.Contains(err.Error(), "got no argument") {
		t.Error(err)
	}
	if _, err := run(`"a b".rsplit(None, 1 << 40)`, guard.Default, 1000); err != nil {
		t.Error(err)
	}
}

// A guard changes nothing of what is within the limits: each line here is true.
func TestMeaning(t *testing.T) {
	for _, line := range strings.Split(strings.TrimSpace(`
"a" * 3 == "aaa" and 3 * "ab" == "ababab" and b"a" * 2 == b"aa"
[1] * 3 == [1, 1, 1] and (1,) * 2 == (1, 1) and "x" * -1 == ""
2 * 3 == 6 and 2.5 * 2 == 5.0 and 2 * 2.5 == 5.0 and -3 * 2 == -6
1 + 2 * 3 == 7 and (1 + 2) * 3 == 9
(1 << 100) * (1 << 100) == 1 << 200
[1] + [2] == [1, 2] and (1,) + (2,) == (1, 2) and "a" + "b" + str(1) == "ab1"
"%s %r %d" % ("a", "a", 3) == "a \"a\" 3" and "%s" % [1] == "[1]" and "%s" % (1,) == "1"
"%(a)s %(b)d" % {"a": [1], "b": 2} == "[1] 2" and "100%%" % () == "100%" and "%s" % {} == "{}"
7 % 3 == 1 and -7 % 3 == 2 and 7.5 % 2 == 1.5
1 << 3 == 8 and x << 2 == 12
", ".join(["a", "b"]) == "a, b" and "".join([]) == "" and "-".join(("a",)) == "a"
"aXbX".replace("X", "--") == "a--b--" and "aXbX".replace("X", "--", 1) == "a--bX" and "ab".replace("", "-") == "-a-b-"
"{} {}".format(1, 2) == "1 2" and "{b}{a}".format(a = 1, b = [2]) == "[2]1" and "{{}}".format() == "{}"
"a,b,c".split(",") == ["a", "b", "c"] and "a,b,c".split(",", 1) == ["a", "b,c"] and " a b ".split() == ["a", "b"]
"a,b,c".rsplit(",", 1) == ["a,b", "c"] and "a\nb\n".splitlines() == ["a", "b"] and "a b c".rsplit(None, 1) == ["a b", "c"]
list(range(3)) == [0, 1, 2] and tuple([1, 2]) == (1, 2) and list("ab".elems()) == ["a", "b"]
sorted([3, 1, 2]) == [1, 2, 3] and sorted([3, 1, 2], reverse = True) == [3, 2, 1]
sorted(["bb", "a", "cc"], key = len) == ["a", "bb", "cc"] and sorted(["bb", "a", "cc"], key = len, reverse = True) == ["bb", "cc", "a"]
sorted([]) == [] and sorted({"b": 1, "a": 2}) == ["a", "b"] and sorted([(2, "a"), (1, "b")]) == [(1, "b"), (2, "a")]
max(1, 3, 2) == 3 and min([3, 1, 2]) == 1 and max(["a", "bbb"], key = len) == "bbb" and max([2, 2.0]) == 2
enumerate(["a", "b"], 1) == [(1, "a"), (2, "b")] and zip([1, 2], "ab".elems()) == [(1, "a"), (2, "b")] and zip() == []
reversed([1, 2]) == [2, 1] and any([0, 1]) and all([]) and not any([])
dict([("a", 1)], b = 2) == {"a": 1, "b": 2} and bytes([97]) == b"a" and int("0x10", 16) == 16 and int(x = "7") == 7
str([1, "a"]) == "[1, \"a\"]" and repr("a") == "\"a\"" and str(b"a") == "a" and str(struct(b = 1, a = [2])) == "struct(a = [2], b = 1)"
{"a": 1}.items() == [("a", 1)] and {"a": 1}.popitem() == ("a", 1) and set([1]).union([2]) == set([1, 2])
set([1, 2]).difference([1]) == set([2]) and set([1]).issubset([1, 2]) and set([1]).intersection([2]) == set()
[1, [2]].index([2]) == 1 and [1, 2].index(2, 1) == 1
(1, (2,)) == (1, (2,)) and (1, 2) != (1, 3) and (1, 2) < (1, 3) and [1] == [1] and {} == {} and 1 == 1.0 and "a" < "b"
x in [1, 3] and x not in (1, 2) and "a" in {"a": 1} and "b" in "abc" and 2 in range(3) and [1] in [[1]] and 5 not in set([1])
(lambda *a: a)(1, 2) == (1, 2) and (lambda a, *b, **c: (a, b, c))(1, 2, d = 3) == (1, (2,), {"d": 3})
[i * j for i in range(3) for j in range(2) if i != j] == [0, 0, 0, 2] and {i: i + i for i in [1, 2]} == {1: 2, 2: 4}
getattr("a,b", "split")(",") == ["a", "b"] and getattr({}, "nothing", 7) == 7 and hasattr({}, "items")
type("".join) == "builtin_function_or_method" and str("".join) == "<built-in method join of string value>"
f() == "doc"
g([1], 2) == [1, 2, 4] and g((), 0) == [0]
`), "\n") {
		src := `
x = 3
def f(*args):
    "doc"
    r = "doc" if args == () else "no"
    return r
def g(xs, y):
    xs = list(xs)
    xs += (y,)
    xs += [4] * (y // 2)
    n = 1
    n += y
    n *= 2
    d = {"a": [1]}
    d["a"] += range(2)
    d["a"][0] += 1
    a, b = y, n
    (a, [b]) = b, [a]
    if d != {"a": [2, 0, 1]} or a != 2 + 2 * y or b != y:
        fail(d, a, b)
    return xs
ok = ` + line
		globals, err := run(src, guard.Default, 1_000_000)
		if err != nil || globals["ok"] != starlark.True {
			t.Errorf("%s: %v, %v", line, globals["ok"], err)
		}
		// The language itself must agree.
		thread := &starlark.Thread{}
		plain, err := starlark.ExecFileOptions(dialect, thread, "test.star", src, guard.Universe())
		if err != nil || plain["ok"] != starlark.True {
			t.Errorf("unguarded: %s: %v, %v", line, plain["ok"], err)
		}
	}
}

// A mistake has the message and the place that it has without guards.
func TestErrors(t *testing.T) {
	for _, src := range []string{
		"x = 1 + 'a'", "x = 'a'\ny = x + 1", "y = 'a'\nx = [] * y", "y = []\nx = 1 % y", "x = 'a %s' % ()", "y = ()\nx = 'a %s' % y",
		"y = (1, 2)\nx = 'a %s' % y", "y = []\nx = '%d' % y", "y = {}\nx = '%(a)s' % y", "x = 'a'.join(1)", "x = 'a'.join([1])",
		"x = 'a'.replace(1, 2)", "x = 'a'.replace('b')", "x = 'a'.jion([])", "x = 1\ny = x.join", "x = 1\ny = x.items()", "x = {}.update(1)",
		"x = [].extend(1)", "x = [].extend()", "x = [].index(1)", "x = list(1)", "x = tuple(1, 2)", "x = zip(1)", "x = enumerate()",
		"x = sorted(1)", "x = max([])", "x = max()", "x = max(1)", "x = min([1, 'a'])", "def f():\n    pass\nf(*1)", "y = 1\nx = 2 in y",
		"y = 'a'\nx = 2 in y", "y = []\nz = {}\nx = y < z", "y = 1 << 600", "y = 1000\nx = 1 << y", "y = 'a'\nx = 1 << y", "x = int('z')",
		"x = {}[(1, 2)]", "x = {[]: 1}", "x, y = 1, 2, 3", "x = 'a'.split('')", "x = 'a'.split(',', 'b')", "x = str()", "x = 5\nx *= {}",
		"x = getattr(1, 'a')", "x = None + 1", "fail('a', [1])", "x = undefined + 1", "return 1", "x = [][1]", "x = 'a'.format(*1)",
		"x = '{}'.format()", "x = all(1)", "x = sorted([2, 'a', 1])", "x = sorted([1, 2], key = lambda x: x.no)", "x = bytes(1)",
	} {
		_, want := starlark.ExecFileOptions(dialect, &starlark.Thread{}, "test.star", src, nil)
		_, got := run(src, guard.Default, 10_000)
		if want == nil || got == nil {
			t.Errorf("%q: got %v, want %v", src, got, want)
			continue
		}
		text := func(err error) string { return strings.TrimPrefix(err.Error(), "invalid argument: ") }
		// Both say the same, but for what builtins call their place: "sorted: …".
		if !strings.Contains(text(got), strings.TrimPrefix(text(want), "max: ")) && !strings.Contains(text(want), text(got)) {
			t.Errorf("%q:\ngot  %v\nwant %v", src, got, want)
		}
		if g, w := place(got), place(want); g != w {
			t.Errorf("%q: at %s, want %s", src, g, w)
		}
	}
}

// place is the line and column of the innermost frame of the script.
func place(err error) string {
	e, ok := errors.AsType[*starlark.EvalError](err)
	if !ok {
		return ""
	}
	for i := range e.CallStack {
		if pos := e.CallStack.At(i).Pos; pos.Filename() == "test.star" {
			return pos.String()
		}
	}
	return ""
}

func TestSyntax(t *testing.T) {
	for _, test := range []struct{ name, src, want string }{
		{"brackets", strings.Repeat("(", 100_000), "excessive nesting"},
		{"lists", "x = " + strings.Repeat("[", 900_000), "excessive nesting"},
		{"minus", "x = " + strings.Repeat("-", 900_000) + "1", "excessive nesting"},
		{"not", "x = " + strings.Repeat("not ", 200_000) + "1", "excessive nesting"},
		{"sum", "x = 1" + strings.Repeat("+1", 500_000), "more than 3000 expressions"},
		{"calls", "x = f" + strings.Repeat("()", 500_000), "more than 3000 expressions"},
		{"attributes", "x = f" + strings.Repeat(".a", 500_000), "more than 3000 expressions"},
		{"elif", "if x: pass\n" + strings.Repeat("elif x: pass\n", 80_000), "more than 3000 expressions"},
		{"size", strings.Repeat("#", 1<<20+1), "a script has at most 1024 KiB, and this has 1025"},
		{"None", "None = 1", `"None" cannot be given a value`},
		{"True in a loop", "x = [1 for a, (True, b) in []]", `"True" cannot be given a value`},
		{"False as a parameter", "def f(a, *False): pass", `"False" cannot be given a value`},
		{"None as a parameter", "f = lambda a, None = 1: 1", `"None" cannot be given a value`},
		{"load of no name", `load("//x", "guard *")`, `"guard *" cannot be given a value`},
		{"bytes that are no text", "x = \"\xff\xfe", "unexpected"},
	} {
		f, err := guard.Parse(dialect, "test.star", []byte(test.src))
		if f != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %.200v, want %s", test.name, err, test.want)
		}
	}
	if _, err := run("x = 1"+strings.Repeat("+1", 2_000)+"\n"+strings.Repeat("if x: pass\n", 50_000), guard.Default, 1_000_000); err != nil {
		t.Error(err)
	}
}

// Freeze is tested in a process of its own: what it protects from is fatal.
func TestFreeze(t *testing.T) {
	if src := os.Getenv("GUARD_FREEZE"); src != "" {
		debug.SetMaxStack(8 << 20) // a smaller stack than usual overflows with smaller values
		globals, err := run(src, guard.Default, 1_000_000_000)
		if err == nil {
			values := []starlark.Value{}
			for _, name := range globals.Keys() {
				values = append(values, globals[name])
			}
			err = guard.Freeze(values...)
		}
		if err == nil {
			if l, ok := globals["l"].(*starlark.List); ok && l.Append(starlark.None) == nil {
				err = errors.New("l is not frozen")
			}
		}
		fmt.Println("ended:", err)
		os.Exit(0)
	}
	for _, test := range []struct{ name, src, want string }{
		{"deep lists", "x = []\nl = x\nfor i in range(500000):\n    x = [x]", "ended: <nil>"},
		{"deep dicts", "l = []\nx = l\nfor i in range(300000):\n    x = {1: x}", "ended: <nil>"},
		{"deep structs in lists", "l = []\nx = l\nfor i in range(200000):\n    x = [struct(x = x, y = [x])]", "ended: <nil>"},
		{"deep functions", "def f(g):\n    return lambda: g\nx = f\nfor i in range(200000):\n    x = f(x)", "nested more than 1000 deep"},
		{"deep defaults", "x = None\nfor i in range(200000):\n    x = lambda y = x: y", "nested more than 1000 deep"},
		{"functions of functions", "def f(g, h):\n    return lambda: (g, h)\nx = f\nfor i in range(60):\n    x = f(x, x)", "too large to freeze"},
		{"methods of lists", "l = []\nx = l\nfor i in range(200000):\n    x = [x.append]\n    x = [x]", "ended: <nil>"},
		{"a ring", "l = []\nm = {1: l}\nl.append(m)\ndef f():\n    return l\nl.append(f)", "ended: <nil>"},
		{"a deep ring", "l = []\nb = [l]\nl.append(b)\nx = []\nfor i in range(1100000):\n    x = [x]\nl.append(x)", "a value that holds itself is too large to freeze"},
		{"a ring of deep tuples", "ls = [[] for i in range(5000)]\nt = tuple(ls)\nfor i in range(900):\n    t = (t,)\nfor l in ls:\n    l.append(t)", "a value that holds itself is too large to freeze"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestFreeze$")
			cmd.Env = append(os.Environ(), "GUARD_FREEZE="+test.src)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), test.want) {
				t.Errorf("got %v, %.2000s\nwant %s", err, out, test.want)
			}
		})
	}
}

func TestSortedEndsWithItsRun(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	thread := &starlark.Thread{}
	guard.SetContext(thread, ctx)
	n := starlark.NewList(nil)
	for i := range 100_000 {
		if err := n.Append(starlark.MakeInt(i * 7919 % 100_003)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := starlark.Call(thread, guard.Universe()["sorted"], starlark.Tuple{n}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestString(t *testing.T) {
	for v, want := range map[starlark.Value]string{starlark.String("a\"b"): `a"b`, starlark.MakeInt(3): "3", starlark.NewList([]starlark.Value{starlark.String("a")}): `["a"]`} {
		if got, err := guard.String(v); got != want || err != nil {
			t.Errorf("%s, %v; want %s", got, err, want)
		}
	}
	if _, err := guard.String(starlark.String(strings.Repeat("a", guard.Default.Bytes+1))); err == nil {
		t.Error("no error")
	}
}
