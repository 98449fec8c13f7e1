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

	"github.com/peterh/liner"
	"github.com/spf13/cobra"
	"go.starlark.net/starlark"

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
			s, err := h.Session(host.Script{FS: os.DirFS(".")})
			if err != nil {
				return err
			}
			defer s.Close()
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
		// An interrupt ends the chunk, not the session.
		chunkCtx, stop := signal.NotifyContext(ctx, os.Interrupt)
		v, err := s.Eval(chunkCtx, chunk)
		stop()
		switch {
		case err != nil:
			fmt.Fprintln(a.err, "error:", err)
		case v != nil:
			a.show(v)
		}
	}
}

// maxShown is how many items of a list the session shows.
const maxShown = 20

// show prints a value. A lazy list would print as one: its first items are
// fetched and shown instead.
func (a *app) show(v starlark.Value) {
	items, lazy := v.(starlark.Iterable)
	if _, plain := v.(*starlark.List); v.Type() != "list" || plain {
		lazy = false
	}
	switch {
	case lazy:
		n := 0
		for item := range starlark.Elements(items) {
			if n++; n > maxShown {
				fmt.Fprintln(a.out, "… and more")
				return
			}
			fmt.Fprintln(a.out, item)
		}
	case v != starlark.None:
		fmt.Fprintln(a.out, v.String())
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
