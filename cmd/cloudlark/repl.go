package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/peterh/liner"
	"github.com/spf13/cobra"
	"go.starlark.net/starlark"

	"github.com/cloudlark/cloudlark/drivers/op"
	"github.com/cloudlark/cloudlark/host"
)

// repl is `cloudlark repl`.
func (a *app) repl() *cobra.Command {
	return &cobra.Command{
		Use:   "repl",
		Short: "The language, line by line",
		Long: `Read scripts line by line. On a terminal, the tab key completes names, operations,
attributes and arguments; what was typed is kept for the next session. A block ends
with an empty line. Otherwise standard input is read, and the values are printed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			h, err := a.host(".")
			if err != nil {
				return err
			}
			defer h.Close()
			root, err := os.OpenRoot(".")
			if err != nil {
				return usageError{err}
			}
			defer root.Close()
			s, err := h.Session(host.Script{FS: root.FS()})
			if err != nil {
				return err
			}
			defer s.Close()
			// The process's own handler would end the session with the first chunk
			// that is interrupted.
			signal.Reset(os.Interrupt, syscall.SIGTERM)
			read, done := a.lineReader(s)
			defer done()
			err = a.converse(c.Context(), s, read)
			for _, made := range s.Created() {
				fmt.Fprintln(a.err, "still there:", made)
			}
			return err
		},
	}
}

// lineReader reads lines with a prompt: from the terminal, or from a pipe.
func (a *app) lineReader(s *host.Session) (read func(prompt string) (string, error), done func()) {
	if !terminal(a.in) || !terminal(a.out) {
		r := bufio.NewReader(a.in)
		return func(string) (string, error) {
			line, err := r.ReadString('\n')
			if line != "" {
				err = nil
			}
			return strings.TrimSuffix(line, "\n"), err
		}, func() {}
	}
	l := liner.NewLiner()
	l.SetCtrlCAborts(true)
	l.SetWordCompleter(func(line string, pos int) (head string, words []string, tail string) {
		from, words := s.Complete(line, pos)
		return line[:from], words, line[pos:]
	})
	history := stateFolder("history")
	if f, err := os.Open(history); err == nil {
		l.ReadHistory(f)
		f.Close()
	}
	return func(prompt string) (string, error) {
			line, err := l.Prompt(prompt)
			if err == nil && strings.TrimSpace(line) != "" {
				l.AppendHistory(line)
			}
			return line, err
		}, func() {
			// A history that cannot be kept is no reason to complain at the end.
			if os.MkdirAll(filepath.Dir(history), 0o700) == nil {
				if f, err := os.OpenFile(history, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err == nil {
					l.WriteHistory(f)
					f.Close()
				}
			}
			l.Close()
		}
}

// converse reads chunks and shows what they come to, until the input ends.
func (a *app) converse(ctx context.Context, s *host.Session, read func(string) (string, error)) error {
	person := terminal(a.in)
	for {
		chunk, err := readChunk(s, read)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, liner.ErrPromptAborted):
			continue
		case err != nil:
			return err
		case strings.TrimSpace(chunk) == "":
			continue
		}
		interrupted, err := a.evaluate(ctx, s, chunk)
		if interrupted && !person {
			return err // what comes next was not typed by who interrupted
		}
		if err != nil {
			fmt.Fprintln(a.err, "error:", err)
		}
	}
}

// evaluate runs a chunk and shows its value. An interrupt ends the chunk, and a
// second one the process, if the chunk has not ended by then.
func (a *app) evaluate(ctx context.Context, s *host.Session, chunk string) (interrupted bool, err error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)
	v, err := s.Eval(ctx, chunk)
	if err == nil && v != nil {
		err = a.show(ctx, v)
	}
	return ctx.Err() != nil, err
}

// maxShown is how many items of a list the session shows.
const maxShown = 20

// show prints a value. A lazy list would print as one: its first items are
// fetched and shown instead.
func (a *app) show(ctx context.Context, v starlark.Value) error {
	items, lazy := v.(starlark.Mapping)
	if lazy = lazy && v.Type() == "list"; !lazy {
		if v != starlark.None {
			fmt.Fprintln(a.out, v)
		}
		return nil
	}
	for i := range maxShown + 1 {
		item, err := fetch(ctx, items, i)
		switch {
		case err != nil:
			return err
		case item == nil:
			return nil
		case i == maxShown:
			fmt.Fprintln(a.out, "… and more")
		default:
			fmt.Fprintln(a.out, item)
		}
	}
	return nil
}

// fetch returns an item of a lazy list, nil behind its end. The list belongs to
// the session, not to ctx: an interrupt leaves the provider's answer unread.
func fetch(ctx context.Context, items starlark.Mapping, i int) (starlark.Value, error) {
	type answer struct {
		item starlark.Value
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		item, found, err := items.Get(starlark.MakeInt(i))
		if !found {
			item, err = nil, nil
		}
		answered <- answer{item, err}
	}()
	select {
	case got := <-answered:
		return got.item, got.err
	case <-ctx.Done():
		return nil, op.Errorf(op.Canceled, "interrupted")
	}
}

// readChunk reads lines until they are a whole chunk: a line, or a block that an
// empty line ends.
func readChunk(s *host.Session, read func(string) (string, error)) (string, error) {
	var chunk strings.Builder
	for prompt := ">>> "; ; prompt = "... " {
		line, err := read(prompt)
		if err != nil {
			if chunk.Len() > 0 && errors.Is(err, io.EOF) {
				return chunk.String(), nil
			}
			return "", err
		}
		chunk.WriteString(line + "\n")
		if s.Whole(chunk.String()) {
			return chunk.String(), nil
		}
	}
}
