package reference

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// language is what scripts have beside the families, in Python's words.
const language = `"""What Cloudlark's scripts have, for editors. Made from the operation table."""

from typing import Any, Callable, Iterable, Iterator, Optional

class secret:
    def reveal(self) -> str: ...

class stream:
    def read(self, n: int = ...) -> bytes: ...
    def text(self) -> str: ...
    def lines(self) -> Iterator[str]: ...
    def close(self) -> None: ...

class error:
    kind: str
    message: str
    provider: str
    op: str
    code: str
    request_id: str
    retry_after: float
    trace: str

class attempted:
    value: Any
    error: Optional[error]

class file(stream):
    name: str
    size: int

def attempt(fn: Callable, *args: Any, **kwargs: Any) -> attempted: ...
def parallel(fn: Callable, items: Iterable, limit: int = 8) -> list: ...
def params(**declared: Any) -> Any: ...
def param(default: Any = None, type: Any = None, required: bool = False, help: str = "", choices: Optional[list[str]] = None) -> Any: ...
def sleep(duration: Any) -> None: ...
def struct(**fields: Any) -> Any: ...
def load(module: str, *names: str) -> None: ...
def table(rows: Iterable, columns: Optional[list[str]] = None) -> None: ...
def env(name: str, default: Any = None) -> Any: ...
def read_file(path: str) -> str: ...
def write_file(path: str, data: Any, append: bool = False) -> int: ...
def open_file(path: str) -> file: ...
def list_files(path: str, pattern: str = "**") -> list: ...
def remove_file(path: str) -> None: ...
def write_key(path: str, key: Any) -> None: ...

class result:
    step: str
    changed: bool
    status: int
    stdout: str
    stderr: str
    took: Any

class transfer_summary:
    transferred: int
    bytes: int
    resumed: int
    unchanged: int
    deleted: int
    failed: int
    errors: list
    seconds: float
    dry_run: bool

class ssh_session:
    name: str
    def run(self, command: Any, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, stdin: Any = None, check: bool = True, show: bool = False) -> result: ...
    def deploy(self, steps: Any, show: bool = True) -> list[result]: ...
    def read(self, path: str) -> str: ...
    def close(self) -> None: ...

class ssh_module:
    def connect(self, host: str, user: str = "root", key: Any = None, passphrase: Any = None, password: Any = None, agent: bool = False, port: int = 22, host_key: Any = None, timeout: Any = "30s", name: Optional[str] = None) -> ssh_session: ...
    def file(self, path: str, content: Any, mode: int = 0o644, owner: str = "", sudo: bool = False) -> Any: ...
    def dir(self, path: str, source: str, owner: str = "", sudo: bool = False) -> Any: ...
    def script(self, text: str, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, args: Optional[list] = None, creates: str = "", name: str = "") -> Any: ...
    def run(self, command: Any, env: Optional[dict] = None, sudo: bool = False, timeout: Any = None, creates: str = "") -> Any: ...
    def key(self, public_key: Any) -> Any: ...
    def cloud_init(self, timeout: Any = "10m") -> Any: ...
    def cloud_config(self, **modules: Any) -> str: ...
    def new_key(self, comment: str = "cloudlark") -> Any: ...

ssh: ssh_module

json: Any
time: Any
math: Any
re: Any
hash: Any
base64: Any
log: Any
http: Any
`

// Stubs writes a .pyi file: the builtins, the families, and their values.
func (r *Reference) Stubs(w io.Writer) {
	io.WriteString(w, language)
	for _, f := range r.families {
		prefix := f.Name + "_"
		for _, t := range values(f) {
			r.class(w, f, prefix, t)
		}
		fmt.Fprintf(w, "\nclass %sconnection:\n    name: str\n    provider: str\n    operations: tuple[str, ...]\n", prefix)
		for _, o := range f.Ops {
			fmt.Fprintf(w, "    def %s(self%s) -> %s:\n        %q\n", o.Name, parameters(prefix, o, ""), answer(prefix, o), o.Summary())
		}
		if f.Name == "compute" {
			io.WriteString(w, "    def deploy_node(self, deploy: Any, keep: bool = False, **create_node: Any) -> Any: ...\n")
		}
		fmt.Fprintf(w, "\nclass %sfamily:\n    def driver(self, name: str, **config: Any) -> %sconnection: ...\n", prefix, prefix)
		if f.Name == "storage" {
			fmt.Fprintf(w, "    def copy(self, source: Any, target: Any%s) -> transfer_summary: ...\n", moveOptions)
			fmt.Fprintf(w, "    def sync(self, source: Any, target: Any%s%s) -> transfer_summary: ...\n", syncOptions, moveOptions)
		}
		fmt.Fprintf(w, "\n%s: %sfamily\n", f.Name, prefix)
	}
}

func (r *Reference) class(w io.Writer, f *op.Family, prefix string, t *op.Type) {
	fmt.Fprintf(w, "\nclass %s%s:\n", prefix, t.Name)
	for i := range t.Fields {
		fmt.Fprintf(w, "    %s: %s\n", t.Fields[i].Name, python(prefix, t.Fields[i].Go))
	}
	methods := f.Methods(t.Name)
	for _, name := range slices.Sorted(maps.Keys(methods)) {
		fmt.Fprintf(w, "    def %s(self%s) -> %s: ...\n", name, parameters(prefix, methods[name], t.Name), answer(prefix, methods[name]))
	}
	if t.Field("state") != nil && methods["refresh"] != nil {
		fmt.Fprintf(w, "    def wait(self, state: Any = None, timeout: Any = \"10m\"")
		for _, name := range t.Waitable()[1:] {
			fmt.Fprintf(w, ", %s: Any = None", name)
		}
		fmt.Fprintf(w, ") -> %s%s: ...\n", prefix, t.Name)
	}
	if f.Name == "storage" {
		movers(w, t.Name)
	}
	if f.Name == "compute" && t.Name == "node" {
		io.WriteString(w, "    def deploy(self, steps: Any, address: str = \"public\", show: bool = True, user: str = \"root\", key: Any = None, passphrase: Any = None, password: Any = None, agent: bool = False, port: int = 22, host_key: Any = None, timeout: Any = \"10m\", name: Optional[str] = None) -> list[result]: ...\n")
	}
}

// What moves objects takes beside the places.
const (
	moveOptions = `, include: Optional[list] = None, exclude: Optional[list] = None, dry_run: bool = False, if_absent: bool = False, concurrency: int = 64, part_size: Any = None, content_type: str = "", metadata: Optional[dict] = None, storage_class: str = ""`
	syncOptions = `, compare: str = "newer", delete: bool = False`
)

// movers writes the methods that move objects.
func movers(w io.Writer, typ string) {
	switch typ {
	case "bucket":
		fmt.Fprintf(w, "    def upload(self, path: str, prefix: str = \"\"%s) -> transfer_summary: ...\n", moveOptions)
		fmt.Fprintf(w, "    def download(self, path: str, prefix: str = \"\"%s) -> transfer_summary: ...\n", moveOptions)
		fmt.Fprintf(w, "    def sync(self, source: Any, prefix: str = \"\"%s%s) -> transfer_summary: ...\n", syncOptions, moveOptions)
		fmt.Fprintf(w, "    def copy_to(self, target: Any, prefix: str = \"\"%s) -> transfer_summary: ...\n", moveOptions)
	case "object":
		io.WriteString(w, "    def lines(self) -> Any: ...\n")
		fmt.Fprintf(w, "    def download(self, path: str%s) -> transfer_summary: ...\n", moveOptions)
		fmt.Fprintf(w, "    def copy_to(self, target: Any%s) -> transfer_summary: ...\n", moveOptions)
	}
}

// parameters are an operation's arguments, less the one that its receiver fills.
func parameters(prefix string, o *op.Op, receiver string) string {
	var required, optional strings.Builder
	filled := false
	for i := range o.In().Fields {
		f := &o.In().Fields[i]
		if receiver != "" && !filled && f.Ref == receiver {
			filled = true
			continue
		}
		typ := python(prefix, f.Go)
		if f.Ref != "" || f.Unit != "" || f.IsStream() {
			typ = "Any" // a value or its id, a number or text with a unit
		}
		if f.Required && receiver == "" {
			fmt.Fprintf(&required, ", %s: %s", f.Name, typ)
		} else {
			fmt.Fprintf(&optional, ", %s: %s = ...", f.Name, typ)
		}
	}
	if o.In().Rest() != nil {
		optional.WriteString(", **rest: Any")
	}
	return required.String() + optional.String()
}

func answer(prefix string, o *op.Op) string {
	switch {
	case o.Out() == nil:
		return "None"
	case o.Out().Whole() != nil && o.Many():
		return "list[" + python(prefix, o.Out().Whole().Go) + "]"
	case o.Out().Whole() != nil:
		return python(prefix, o.Out().Whole().Go)
	case o.Many():
		return "list[" + prefix + o.Out().Name + "]"
	}
	return prefix + o.Out().Name
}

// python is a Go type in Python's words.
func python(prefix string, t reflect.Type) string {
	f := op.Field{Go: t}
	switch {
	case f.IsStream():
		return "stream"
	case f.IsSecret():
		return "Optional[secret]"
	case f.TypeName() == "time":
		return "Any"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return "Optional[" + python(prefix, t.Elem()) + "]"
	case reflect.Slice:
		return "list[" + python(prefix, t.Elem()) + "]"
	case reflect.Map:
		return "dict[str, " + python(prefix, t.Elem()) + "]"
	case reflect.Struct:
		return prefix + op.TypeOf(t).Name
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Float64:
		return "float"
	case reflect.Interface:
		return "Any"
	}
	return "int"
}
