package lxd

import (
	"bufio"
	"context"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// A console is what a container wrote to its console since it was started, as far
// as it is known here. LXC keeps the last 128 KiB in memory and hands each byte out
// once: who has read it must remember it.
type console struct {
	turn    chan struct{} // holds one value while somebody is at the rest
	started time.Time     // which start of the container this is
	read    time.Time     // by the server's clock
	text    string
	dropped int  // of text, at its beginning
	ended   bool // and there is no more
}

// remembered is how much of a console is remembered.
const remembered = 256 << 10

// console is what is known of a container's console; nothing, if it is new.
func (d *driver) console(name string) *console {
	k, _ := d.consoles.LoadOrStore(name, &console{turn: make(chan struct{}, 1)})
	return k.(*console)
}

// more reads what a container has written since it was read last. It is the
// caller's turn.
func (d *driver) more(ctx context.Context, name string, k *console) error {
	c, err := d.instance(ctx, name)
	if err != nil {
		return err
	}
	state := states[c.StatusCode]
	if !k.started.Equal(c.LastUsedAt) {
		k.started, k.read, k.text, k.dropped, k.ended = c.LastUsedAt, time.Time{}, "", 0, false
	}
	if k.ended {
		return nil
	}
	p, err := d.piece(ctx, name)
	if err != nil {
		return err
	}
	k.ended = p.file || state == container.Stopped || state == container.Error
	k.text += p.beyond(k)
	if p.text != "" {
		k.read = p.read
	}
	if n := len(k.text) - remembered; n > 0 {
		k.text, k.dropped = k.text[n:], k.dropped+n
	}
	return nil
}

// A piece is what the server has of a console: of a container that runs what was
// not read yet, else a file.
type piece struct {
	text          string
	file          bool
	read, changed time.Time // by the server's clock
}

func (d *driver) piece(ctx context.Context, name string) (piece, error) {
	path, err := named(name)
	if err != nil {
		return piece{}, err
	}
	resp, err := d.do(ctx, http.MethodGet, path+"/console", nil, nil, nil)
	if op.KindOf(err) == op.NotFound || says(err, "no such file or directory") {
		return piece{}, nil // nothing was written
	}
	if err != nil {
		return piece{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, largest))
	if err != nil {
		return piece{}, failed(err)
	}
	p := piece{text: string(data), file: strings.Contains(resp.Header.Get("Content-Disposition"), "console")}
	p.read, _ = http.ParseTime(resp.Header.Get("Date"))
	p.changed, _ = http.ParseTime(resp.Header.Get("Last-Modified"))
	return p, nil
}

// beyond is what p has that k has not. When a container has ended, what was not read
// yet is in its file; all is there if everything was read, and for the moment in which
// the container ends.
func (p piece) beyond(k *console) string {
	if !p.file || k.text == "" {
		return p.text
	}
	const enough = 4 << 10
	end := k.text[max(0, len(k.text)-enough):]
	at := strings.LastIndex(p.text, end)
	if at < 0 || at+len(end) == len(p.text) && p.changed.After(k.read) { // the same was written once more
		return p.text
	}
	return p.text[at+len(end):]
}

// GetContainerLogs yields lines. With follow it looks again and again, until the
// container has ended or has been started anew.
func (d *driver) GetContainerLogs(ctx context.Context, in container.GetContainerLogs) iter.Seq2[container.LogLine, error] {
	return func(yield func(container.LogLine, error) bool) {
		tail, err := in.Last()
		if err != nil {
			yield(container.LogLine{}, err)
			return
		}
		k := d.console(in.Container)
		var started time.Time
		var rest string // a line that has no end yet
		at, first, left := 0, true, false
		err = op.Poll(ctx, time.Second, func(ctx context.Context) (bool, error) {
			select {
			case k.turn <- struct{}{}:
			case <-ctx.Done():
				return false, ctx.Err()
			}
			err := d.more(ctx, in.Container, k)
			text, dropped, ended := k.text, k.dropped, k.ended
			if first {
				started = k.started
			}
			again := !started.Equal(k.started)
			<-k.turn
			switch {
			case op.KindOf(err) == op.NotFound:
				d.consoles.CompareAndDelete(in.Container, k)
				return false, err
			case err != nil:
				return false, err
			case again:
				text, ended = "", true
			}
			whole, part := lines(rest + text[min(max(at-dropped, 0), len(text)):])
			at, rest = dropped+len(text), part
			done := ended || !in.Follow
			if done && rest != "" {
				whole = append(whole, rest)
			}
			if n := len(whole); first && tail >= 0 && n > tail {
				whole = whole[n-tail:]
			}
			first = false
			for _, line := range whole {
				if left = !yield(container.LogLine{Stream: container.Stdout, Text: line}, nil); left {
					return true, nil
				}
			}
			return done, nil
		})
		if err != nil && !left {
			yield(container.LogLine{}, failed(err))
		}
	}
}

// lines are those of a text, and what comes after the last. A console ends lines as
// terminals do.
func lines(text string) (whole []string, rest string) {
	whole = strings.Split(text, "\n")
	for i, line := range whole[:len(whole)-1] {
		whole[i] = strings.ReplaceAll(line, "\r", "")
	}
	return whole[:len(whole)-1], whole[len(whole)-1]
}

// lxcErrors are the reasons in LXC's own log of why a container did not start.
func lxcErrors(log io.Reader) []string {
	var reasons []string
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		// lxc NAME TIME ERROR    MODULE - FILE:FUNCTION:LINE - REASON
		_, text, ok := strings.Cut(lines.Text(), " ERROR ")
		parts := strings.SplitN(text, " - ", 3)
		if ok && len(parts) == 3 && len(reasons) < 3 {
			reasons = append(reasons, parts[2])
		}
	}
	return reasons
}
