package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// GetContainerLogs yields lines as they come.
func (d *Driver) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		tail, err := in.Last()
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		c, err := d.inspect(ctx, in.Container)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		options := client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: in.Follow}
		if tail >= 0 {
			options.Tail = strconv.Itoa(tail)
		}
		// A consumer that stops ends the request.
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		body, err := askOf(ctx, d.api.ContainerLogs, c.ID, options)
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		defer body.Close()
		messages := framed(body)
		if c.Config != nil && c.Config.Tty {
			messages = plain(body)
		}
		for line, err := range lines(messages) {
			if err != nil {
				if cause := context.Cause(ctx); cause != nil {
					err = cause
				}
				yield(container.LogLine{}, failed(err, nil))
				return
			}
			if !yield(line.LogLine, nil) {
				return
			}
		}
	}
}

// A message is what a container wrote at once: a line, or a part of a long one. It
// begins with its time.
type message struct {
	stream container.LogStream
	text   []byte
	source string // which of several wrote it, where there are several
}

// A line is a line of a log, and who wrote it.
type line struct {
	container.LogLine
	source string
}

const (
	longestMessage = 1 << 20 // the daemon's are of 16 KiB and what stands in front
	longestLine    = 1 << 20 // a longer one is handed out in pieces
)

// framed reads the multiplexed form: a byte for the stream, three that are not
// used, four for the length, and a message.
func framed(r io.Reader) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		b := bufio.NewReader(r)
		var head [8]byte
		for {
			if _, err := io.ReadFull(b, head[:]); err != nil {
				if err != io.EOF {
					yield(message{}, err)
				}
				return
			}
			n := binary.BigEndian.Uint32(head[4:])
			if head[0] > 3 || n > longestMessage {
				yield(message{}, op.Errorf(op.Internal, "the daemon's log is not in the form that was asked for"))
				return
			}
			m := message{stream: container.Stdout, text: make([]byte, n)}
			if head[0] == byte(stdcopy.Stderr) {
				m.stream = container.Stderr
			}
			if _, err := io.ReadFull(b, m.text); err != nil {
				yield(message{}, io.ErrUnexpectedEOF)
				return
			}
			if head[0] == byte(stdcopy.Systemerr) {
				yield(message{}, op.Errorf(op.Internal, "the daemon: %s", bytes.TrimSpace(m.text)))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// plain reads the log of a container with a terminal, which has one stream.
func plain(r io.Reader) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		b := bufio.NewReaderSize(r, 64<<10)
		for {
			text, err := b.ReadSlice('\n')
			if len(text) > 0 && !yield(message{stream: container.Stdout, text: slices.Clone(text)}, nil) {
				return
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				if err != io.EOF {
					yield(message{}, err)
				}
				return
			}
		}
	}
}

// lines puts the parts of long lines together.
func lines(messages iter.Seq2[message, error]) iter.Seq2[line, error] {
	return func(yield func(line, error) bool) {
		parts := map[string]*line{}
		for m, err := range messages {
			if err != nil {
				yield(line{}, err)
				return
			}
			at, text := timed(m.text)
			text, whole := bytes.CutSuffix(text, []byte("\n"))
			key := m.source + " " + string(m.stream)
			part := parts[key]
			if part == nil {
				part = &line{container.LogLine{Time: at, Stream: m.stream}, m.source}
			}
			part.Text += string(text)
			parts[key] = part
			if !whole && len(part.Text) < longestLine {
				continue
			}
			delete(parts, key)
			part.Text = strings.TrimSuffix(part.Text, "\r")
			if !yield(*part, nil) {
				return
			}
		}
		for _, key := range slices.Sorted(maps.Keys(parts)) {
			if !yield(*parts[key], nil) {
				return
			}
		}
	}
}

// timed takes the time off a message.
func timed(text []byte) (time.Time, []byte) {
	stamp, rest, ok := bytes.Cut(text, []byte(" "))
	if ok && len(stamp) < 40 {
		if at, err := time.Parse(time.RFC3339Nano, string(stamp)); err == nil {
			return at, rest
		}
	}
	return time.Time{}, text
}

// ExecContainer runs a command and waits for it. When the context ends, so does
// the connection; the daemon lets the command itself go on.
func (d *Driver) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	var none container.ExecResult
	if err := identified(in.Container); err != nil {
		return none, err
	}
	if len(in.Command) == 0 {
		return none, op.Errorf(op.InvalidArgument, "command is empty: say which program to run")
	}
	options := client.ExecCreateOptions{Cmd: in.Command, AttachStdin: in.Input != "", AttachStdout: true, AttachStderr: true}
	for _, name := range slices.Sorted(maps.Keys(in.Environment)) {
		options.Env = append(options.Env, name+"="+in.Environment[name])
	}
	e, err := askOf(ctx, d.api.ExecCreate, in.Container, options)
	if err != nil {
		return none, err
	}
	conn, err := askOf(ctx, d.api.ExecAttach, e.ID, client.ExecAttachOptions{})
	if err != nil {
		return none, err
	}
	stop := context.AfterFunc(ctx, conn.Close)
	defer conn.Close()
	defer stop()
	written := make(chan struct{})
	go func() {
		defer close(written)
		// A command need not read all of it, or any; then there is nobody to tell.
		_, _ = io.Copy(conn.Conn, strings.NewReader(in.Input))
		_ = conn.CloseWrite()
	}()
	var stdout, stderr bytes.Buffer
	_, err = stdcopy.StdCopy(&stdout, &stderr, conn.Reader)
	conn.Close()
	<-written
	if cause := ctx.Err(); cause != nil {
		return none, failed(cause, nil)
	}
	if err != nil {
		return none, failed(err, nil)
	}
	out := container.ExecResult{Stdout: stdout.String(), Stderr: stderr.String()}
	// The output's end may come before the daemon has the exit status.
	err = op.Poll(ctx, 200*time.Millisecond, func(ctx context.Context) (bool, error) {
		r, err := askOf(ctx, d.api.ExecInspect, e.ID, client.ExecInspectOptions{})
		out.ExitCode = r.ExitCode
		return !r.Running, err
	})
	return out, err
}
