package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/cloudlark/cloudlark/drivers/op"
)

// ConfigName is the name of configuration files.
const ConfigName = "cloudlark.toml"

// A Config names connections, and may say what scripts may do and take:
//
//	[connection.prod]
//	driver = ["ec2", "s3"]                          # the family being opened picks the one of that family
//	region = "eu-west-1"                            # the drivers' own configuration
//	secret_access_key = {env = "PROD_SECRET"}       # from the environment
//	session_token = {command = ["pass", "show", "prod"]}  # what a command prints
//	rate_limit = 10                                 # requests a second
//	retries = 3
//	timeout = "30s"                                 # for one attempt of a call
//
//	[policy]
//	read_only = true
//
//	[limits]
//	time = "10m"
//
// The keys of [policy] and [limits] are the fields of [Policy] and [Limits] in
// lower case: read_only, call_time. Secrets never stand in the file itself.
type Config struct {
	Connections map[string]*Connection
	Policy      Policy
	Limits      Limits

	path  string
	lines map[string]int // of dotted keys
}

// A Connection is a driver's configuration under a name of its own.
type Connection struct {
	Drivers []string // at most one a family
	// Values is the drivers' configuration: strings, numbers, bools, lists,
	// dicts, secrets, or where to find the value when it is opened: [FromEnv], [FromCommand].
	Values    map[string]any
	RateLimit float64       // requests a second; the host's limit if zero
	Retries   int           // the host's limit if zero, none if negative
	Timeout   time.Duration // for one attempt of a call; the host's limit if zero
}

// FromEnv is the value of the environment variable of that name.
type FromEnv string

// FromCommand is what a program prints, less the line's end: its path or name, and its arguments.
type FromCommand []string

// FindConfig returns the configuration file that is in force for scripts in
// dir: the nearest cloudlark.toml from dir upward, else the one in the folder
// cloudlark of the user's configuration folder. It is empty if there is none.
func FindConfig(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", ConfigName, err)
	}
	var candidates []string
	for {
		candidates = append(candidates, filepath.Join(dir, ConfigName))
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	if user, err := os.UserConfigDir(); err == nil { // a user without a home has none
		candidates = append(candidates, filepath.Join(user, "cloudlark", ConfigName))
	}
	for _, path := range candidates {
		info, err := os.Stat(path)
		switch {
		case err == nil && !info.IsDir():
			return path, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			// Passing over a file that cannot be read could pass over its policy.
			return "", fmt.Errorf("find %s: %w", ConfigName, err)
		}
	}
	return "", nil
}

// LoadConfig reads a configuration file. What its connections take depends on
// the drivers: [New] checks that. Errors name the file, the line and the key.
func LoadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return parseConfig(path, data)
}

func parseConfig(path string, data []byte) (*Config, error) {
	c := &Config{path: path, Connections: map[string]*Connection{}}
	var doc map[string]any
	if err := toml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(path, data, err)
	}
	c.lines = keyLines(data)
	for _, key := range c.sorted(doc, "") {
		table, ok := doc[key].(map[string]any)
		switch {
		case !slices.Contains([]string{"connection", "policy", "limits"}, key):
			return nil, c.errorAt(key, "there is no section %q%s", key, op.DidYouMean(key, []string{"connection", "policy", "limits"}))
		case !ok:
			return nil, c.errorAt(key, "%s is a section: write [%s]", key, map[string]string{"connection": "connection.NAME"}[key]+strings.TrimPrefix(key, "connection"))
		}
		var err error
		switch key {
		case "connection":
			err = c.readConnections(table)
		case "policy":
			err = c.readPolicy(table)
		case "limits":
			err = c.readLimits(table)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// sorted lists the keys of a table in the file's order.
func (c *Config) sorted(table map[string]any, prefix string) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		if d := c.lines[prefix+a] - c.lines[prefix+b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return keys
}

// errorAt is an error at a dotted key; the line is that of the nearest key
// around it that the file has.
func (c *Config) errorAt(key, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if c.path == "" {
		return fmt.Errorf("configuration: %s: %s", key, message)
	}
	for k := key; ; {
		if line := c.lines[k]; line > 0 {
			return fmt.Errorf("%s:%d: %s: %s", c.path, line, key, message)
		}
		i := strings.LastIndexByte(k, '.')
		if i < 0 {
			return fmt.Errorf("%s: %s: %s", c.path, key, message)
		}
		k = k[:i]
	}
}

func (c *Config) readConnections(table map[string]any) error {
	for _, name := range c.sorted(table, "connection.") {
		key := "connection." + name
		values, ok := table[name].(map[string]any)
		if !ok {
			return c.errorAt(key, "a connection is a section: write [connection.NAME] and below it driver = \"…\"")
		}
		conn := &Connection{Values: map[string]any{}}
		for _, k := range c.sorted(values, key+".") {
			if err := c.readValue(conn, key+"."+k, k, values[k]); err != nil {
				return err
			}
		}
		if len(conn.Drivers) == 0 {
			return c.errorAt(key, "the connection names no driver: write driver = \"sim\"")
		}
		c.Connections[name] = conn
	}
	return nil
}

func (c *Config) readValue(conn *Connection, key, name string, value any) (err error) {
	switch name {
	case "driver":
		if s, ok := value.(string); ok {
			value = []any{s}
		}
		conn.Drivers, err = stringList(value)
	case "rate_limit":
		conn.RateLimit, err = positive(value)
	case "retries":
		n, ok := value.(int64)
		if !ok || n < 0 || n > 1000 {
			err = errors.New("want a number from 0 to 1000")
		}
		if conn.Retries = int(n); n == 0 {
			conn.Retries = -1
		}
	case "timeout":
		conn.Timeout, err = duration(value)
	default:
		conn.Values[name], err = reference(value)
	}
	if err != nil {
		return c.errorAt(key, "%v", err)
	}
	return nil
}

// reference reads {env = "NAME"} and {command = ["program", "argument"]}; every other
// value is itself.
func reference(value any) (any, error) {
	table, ok := value.(map[string]any)
	if !ok || len(table) != 1 {
		return value, nil
	}
	if name, ok := table["env"]; ok {
		s, ok := name.(string)
		if !ok || s == "" {
			return nil, errors.New(`env wants the name of an environment variable: {env = "NAME"}`)
		}
		return FromEnv(s), nil
	}
	if command, ok := table["command"]; ok {
		words, err := stringList(command)
		if err != nil || len(words) == 0 || words[0] == "" {
			return nil, errors.New(`command wants a program and its arguments: {command = ["pass", "show", "prod"]}`)
		}
		return FromCommand(words), nil
	}
	return value, nil
}

func stringList(value any) ([]string, error) {
	list, ok := value.([]any)
	if !ok {
		return nil, errors.New("want a list of strings")
	}
	words := make([]string, len(list))
	for i, v := range list {
		if words[i], ok = v.(string); !ok {
			return nil, errors.New("want a list of strings")
		}
	}
	return words, nil
}

func positive(value any) (float64, error) {
	switch n := value.(type) {
	case int64:
		if n > 0 {
			return float64(n), nil
		}
	case float64:
		if n > 0 {
			return n, nil
		}
	}
	return 0, errors.New("want a number above 0")
}

func duration(value any) (time.Duration, error) {
	s, _ := value.(string)
	d, err := op.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, errors.New(`want a duration like "30s" or "5m"`)
	}
	return d, nil
}

// policySection and limitsSection are the two sections as the file has them.
type policySection struct {
	ReadOnly   bool        `json:"read_only"`
	Drivers    []string    `json:"drivers"`
	Operations []string    `json:"operations"`
	Effects    []op.Effect `json:"effects"`
	Env        []string    `json:"env"`
	Read       []string    `json:"read"`
	Write      []string    `json:"write"`
	HTTP       []string    `json:"http"`
	SSH        []string    `json:"ssh"`
}

type limitsSection struct {
	Steps         int64   `json:"steps"`
	Time          string  `json:"time"`
	CallTime      string  `json:"call_time"`
	Parallel      int     `json:"parallel"`
	Output        int64   `json:"output" unit:"bytes"`
	Memory        int64   `json:"memory" unit:"bytes"`
	Retries       int     `json:"retries"`
	RatePerSecond float64 `json:"rate_per_second"`
}

// section decodes a whole section, having checked it key by key so that an
// error has its line.
func section[T any](c *Config, name string, table map[string]any) (T, error) {
	t := op.TypeOf(reflect.TypeFor[T]())
	for _, key := range c.sorted(table, name+".") {
		if err := t.Check(key, table[key]); err != nil {
			return *new(T), c.errorAt(name+"."+key, "%s", op.AsError(err).Message)
		}
	}
	v, err := t.Decode(table, nil)
	if err != nil {
		return *new(T), c.errorAt(name, "%s", op.AsError(err).Message)
	}
	return v.(T), nil
}

func (c *Config) readPolicy(table map[string]any) error {
	s, err := section[policySection](c, "policy", table)
	if err != nil {
		return err
	}
	c.Policy = Policy(s)
	// Folders are meant from where the file is, wherever the command was started.
	for _, folders := range [][]string{c.Policy.Read, c.Policy.Write} {
		for i, f := range folders {
			if !filepath.IsAbs(f) {
				folders[i] = filepath.Join(filepath.Dir(c.path), f)
			}
		}
	}
	return nil
}

func (c *Config) readLimits(table map[string]any) error {
	s, err := section[limitsSection](c, "limits", table)
	if err != nil {
		return err
	}
	for _, key := range c.sorted(table, "limits.") {
		if n, ok := table[key].(int64); ok && n < 0 && key == "steps" {
			return c.errorAt("limits."+key, "want a number above 0")
		}
	}
	c.Limits = Limits{Steps: uint64(s.Steps), Parallel: s.Parallel, Output: s.Output, Memory: s.Memory,
		Retries: s.Retries, RatePerSecond: s.RatePerSecond}
	for key, d := range map[string]*time.Duration{"time": &c.Limits.Time, "call_time": &c.Limits.CallTime} {
		if value, ok := table[key]; ok {
			if *d, err = duration(value); err != nil {
				return c.errorAt("limits."+key, "%v", err)
			}
		}
	}
	if n, ok := table["retries"].(int64); ok && n == 0 {
		c.Limits.Retries = -1
	}
	return nil
}

// syntaxError says where a file stops to be TOML: line, column, and the key of
// that line as far as it can be told.
func syntaxError(path string, data []byte, err error) error {
	var d *toml.DecodeError
	if !errors.As(err, &d) {
		return fmt.Errorf("%s: %w", path, err)
	}
	row, column := d.Position()
	key := ""
	if lines := strings.Split(string(data), "\n"); row >= 1 && row <= len(lines) {
		before, _, ok := strings.Cut(lines[row-1], "=")
		// Nothing but a plain key is shown: what stands here may be a secret.
		if before = strings.Trim(before, " \t\r[]"); plainKey.MatchString(before) && (ok || strings.HasPrefix(lines[row-1], "[")) {
			key = before + ": "
		}
	}
	return fmt.Errorf("%s:%d:%d: %s%s", path, row, column, key, strings.TrimPrefix(d.Error(), "toml: "))
}

var plainKey = regexp.MustCompile(`^[a-z0-9_.-]{1,40}$`)
