package sim

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// Nothing really runs in the embedded cloud's containers. What a command would
// write, and how it would end, is told for a few programs: enough for a script
// to see output, exit statuses and logs.

// A program is what becomes of a container's command.
type program struct {
	name    string
	writes  []write
	lasts   time.Duration // until it ends; for one that runs for ever, until all is written
	forever bool
	code    int
}

// A write is a line that a program writes, some time after its start.
type write struct {
	after  time.Duration
	stream container.LogStream
	text   string
}

// simulate tells what a container does that runs the command. A program that
// is not known is taken for a service, which runs until it is stopped.
func simulate(command []string, env map[string]string) program {
	if len(command) == 0 {
		command = []string{"service"}
	}
	name := path.Base(command[0])
	if !known(name) {
		return program{name: name, forever: true, writes: []write{{0, container.Stdout, name + ": started"}}}
	}
	s := shell{env: env}
	s.run(command)
	p := program{name: name, lasts: s.elapsed, forever: s.forever, code: s.code}
	for _, chunk := range s.output {
		for line := range strings.Lines(chunk.text) {
			p.writes = append(p.writes, write{chunk.after, chunk.stream, strings.TrimSuffix(line, "\n")})
		}
	}
	return p
}

// shell runs commands of the few that are known. Time passes in it only by
// being counted.
type shell struct {
	env   map[string]string
	input string

	elapsed time.Duration
	output  []write
	code    int
	exited  bool // by "exit"
	forever bool // by a command that does not end
}

// text is all that was written to a stream.
func (s *shell) text(stream container.LogStream) string {
	var b strings.Builder
	for _, w := range s.output {
		if w.stream == stream {
			b.WriteString(w.text)
		}
	}
	return b.String()
}

func (s *shell) write(stream container.LogStream, text string) {
	if text != "" {
		s.output = append(s.output, write{s.elapsed, stream, text})
	}
}

func (s *shell) fail(code int, text string) int {
	s.write(container.Stderr, text+"\n")
	return code
}

var programs = [...]string{":", "cat", "echo", "env", "exit", "false", "hostname", "printenv", "pwd", "sh", "sleep", "true", "whoami"}

func known(name string) bool {
	return slices.Contains(programs[:], name) || name == "bash" || name == "ash"
}

// run runs one command, and sets the exit status.
func (s *shell) run(command []string) {
	name, args := path.Base(command[0]), command[1:]
	s.code = 0
	switch name {
	case ":", "true":
	case "false":
		s.code = 1
	case "echo":
		end := "\n"
		if len(args) > 0 && args[0] == "-n" {
			args, end = args[1:], ""
		}
		s.write(container.Stdout, strings.Join(args, " ")+end)
	case "env":
		for _, k := range slices.Sorted(maps.Keys(s.env)) {
			s.write(container.Stdout, k+"="+s.env[k]+"\n")
		}
	case "printenv":
		for _, k := range args {
			v, ok := s.env[k]
			if !ok {
				s.code = 1
				continue
			}
			s.write(container.Stdout, v+"\n")
		}
	case "cat":
		if len(args) > 0 && args[0] != "-" {
			s.code = s.fail(1, "cat: "+args[0]+": No such file or directory")
			return
		}
		s.write(container.Stdout, s.input)
		s.input = ""
	case "hostname":
		s.write(container.Stdout, s.env["HOSTNAME"]+"\n")
	case "pwd":
		s.write(container.Stdout, "/\n")
	case "whoami":
		s.write(container.Stdout, "root\n")
	case "exit":
		s.exited = true
		if len(args) > 0 {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				n = s.fail(2, "sh: exit: Illegal number: "+args[0])
			}
			s.code = n & 0xff
		}
	case "sleep":
		s.sleep(args)
	case "sh", "bash", "ash":
		if len(args) < 2 || args[0] != "-c" {
			return // a shell without a script reads its input to the end
		}
		inner := shell{env: s.env, input: s.input, elapsed: s.elapsed, output: s.output}
		inner.script(args[1])
		s.elapsed, s.output, s.code, s.forever = inner.elapsed, inner.output, inner.code, inner.forever
	default:
		s.code = s.fail(127, command[0]+": not found")
	}
}

func (s *shell) sleep(args []string) {
	for _, a := range args {
		if a == "infinity" || a == "inf" {
			s.forever = true
			return
		}
		if _, err := strconv.ParseFloat(a, 64); err == nil {
			a += "s"
		}
		d, err := op.ParseDuration(a)
		if err != nil || d < 0 {
			s.code = s.fail(1, fmt.Sprintf("sleep: invalid time interval '%s'", a))
			return
		}
		s.elapsed += d
	}
}

// script runs commands that are joined by ; && || and line ends.
func (s *shell) script(text string) {
	list, err := parseScript(text, s.env)
	if err != nil {
		s.code = s.fail(2, "sh: "+err.Error())
		return
	}
	for _, c := range list {
		if s.exited || s.forever {
			return
		}
		if c.after == "&&" && s.code != 0 || c.after == "||" && s.code == 0 {
			continue
		}
		before := len(s.output)
		s.run(c.words)
		if c.toStderr {
			for i := range s.output[before:] {
				s.output[before+i].stream = container.Stderr
			}
		}
	}
}

// A simpleCommand is one command of a script.
type simpleCommand struct {
	after    string // what joins it to the one before: "", ";", "&&", "||"
	words    []string
	toStderr bool
}

// parseScript reads as much of the shell's language as the commands need:
// quotes, variables, and what joins commands.
func parseScript(text string, env map[string]string) (list []simpleCommand, err error) {
	var c simpleCommand
	var word strings.Builder
	inWord, quote := false, rune(0)
	endWord := func() {
		if !inWord {
			return
		}
		if w := word.String(); w == ">&2" || w == "1>&2" {
			c.toStderr = true
		} else {
			c.words = append(c.words, w)
		}
		word.Reset()
		inWord = false
	}
	endCommand := func(next string) {
		endWord()
		if len(c.words) > 0 {
			list = append(list, c)
		}
		c = simpleCommand{after: next}
	}
	r := []rune(text)
	for i := 0; i < len(r); i++ {
		two := string(r[i:min(i+2, len(r))])
		switch {
		case quote == '\'' && r[i] != '\'' || quote == '"' && r[i] != '"' && r[i] != '$' && r[i] != '\\':
			word.WriteRune(r[i])
		case r[i] == quote:
			quote = 0
		case quote == 0 && (r[i] == '\'' || r[i] == '"'):
			quote, inWord = r[i], true
		case r[i] == '\\' && i+1 < len(r):
			i++
			inWord = true
			word.WriteRune(r[i])
		case r[i] == '$':
			name, n := variable(r[i+1:])
			i += n
			if n == 0 {
				word.WriteByte('$') // one that stands for itself
			}
			word.WriteString(env[name])
			inWord = inWord || word.Len() > 0
		case r[i] == ' ' || r[i] == '\t':
			endWord()
		case two == "&&" || two == "||":
			i++
			endCommand(two)
		case r[i] == ';' || r[i] == '\n':
			endCommand(";")
		case two == ">&":
			inWord = true
			word.WriteString(two)
			i++
		case strings.ContainsRune("|&<>(){}`", r[i]):
			return nil, fmt.Errorf("syntax error: %q is not known to the embedded cloud's shell", r[i])
		default:
			inWord = true
			word.WriteRune(r[i])
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("syntax error: unterminated quoted string")
	}
	endCommand("")
	return list, nil
}

// variable reads the name of a variable, as NAME or {NAME}, and how long it is
// with its braces.
func variable(r []rune) (name string, n int) {
	braces := len(r) > 0 && r[0] == '{'
	if braces {
		n = 1
	}
	begin := n
	for n < len(r) && (r[n] == '_' || r[n] >= 'a' && r[n] <= 'z' || r[n] >= 'A' && r[n] <= 'Z' || n > begin && r[n] >= '0' && r[n] <= '9') {
		n++
	}
	name = string(r[begin:n])
	if braces && n < len(r) && r[n] == '}' {
		n++
	}
	return name, n
}
