package lxd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/cloudlark/cloudlark/drivers/container"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// ExecContainer runs a command and waits for it. The server starts it when there
// are connections for what it reads and writes. When the context ends, the command
// is killed.
func (d *driver) ExecContainer(ctx context.Context, in container.ExecContainer) (container.ExecResult, error) {
	var none container.ExecResult
	path, err := named(in.Container)
	if err != nil {
		return none, err
	}
	if len(in.Command) == 0 {
		return none, op.Errorf(op.InvalidArgument, "command is empty: say which program to run")
	}
	a, err := d.ask(ctx, http.MethodPost, path+"/exec", nil, map[string]any{"command": in.Command, "environment": in.Environment,
		"wait-for-websocket": true, "interactive": false})
	if err != nil {
		return none, err
	}
	var o operation
	if err := decode(a.Metadata, &o); err != nil {
		return none, err
	}
	var begun struct {
		FDs map[string]string `json:"fds"` // secrets by which a connection is what it is
	}
	if err := decode(o.Metadata, &begun); err != nil {
		return none, err
	}
	conns := map[string]*websocket.Conn{}
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for _, name := range []string{"control", "0", "1", "2"} {
		if conns[name], err = d.websocket(ctx, o.ID, begun.FDs[name]); err != nil {
			delete(conns, name)
			return none, err
		}
	}
	// A caller that gives up ends the command, and with it everything below.
	killed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(killed)
		soon := time.Now().Add(5 * time.Second)
		_ = conns["control"].SetWriteDeadline(soon)
		_ = conns["control"].WriteJSON(map[string]any{"command": "signal", "signal": 9}) // or it has ended
		for _, name := range []string{"0", "1", "2"} {
			conns[name].Close()
		}
	})
	var streams sync.WaitGroup
	var stdout, stderr bytes.Buffer
	var broken [2]error
	streams.Go(func() { write(conns["0"], in.Input) })
	streams.Go(func() { broken[0] = read(conns["1"], &stdout) })
	streams.Go(func() { broken[1] = read(conns["2"], &stderr) })
	ended, err := d.finished(ctx, a)
	if err != nil {
		for _, name := range []string{"0", "1", "2"} {
			conns[name].Close()
		}
	}
	conns["0"].Close() // it reads no more
	streams.Wait()
	if !stop() {
		<-killed
	}
	if ctx.Err() != nil {
		return none, failed(ctx.Err())
	}
	if says(err, "Command not found") || says(err, "Command not executable") {
		return none, op.Errorf(op.InvalidArgument, "%q cannot be run in %s: %w", in.Command[0], in.Container, err)
	}
	if err := cmp.Or(err, broken[0], broken[1]); err != nil {
		return none, failed(err)
	}
	var status struct {
		Return *int `json:"return"`
	}
	if err := decode(ended.Metadata, &status); err != nil {
		return none, err
	}
	if status.Return == nil {
		return none, op.Errorf(op.Internal, "the server does not say how the command ended")
	}
	return container.ExecResult{ExitCode: *status.Return, Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// websocket connects to one stream of an operation.
func (d *driver) websocket(ctx context.Context, id, secret string) (*websocket.Conn, error) {
	query := url.Values{"secret": {secret}}
	if d.project != "" {
		query.Set("project", d.project)
	}
	target := "ws" + strings.TrimPrefix(d.base, "http") + "/1.0/operations/" + url.PathEscape(id) + "/websocket?" + query.Encode()
	conn, resp, err := d.dialer.DialContext(ctx, target, http.Header{"User-Agent": {"cloudlark"}})
	if errors.Is(err, websocket.ErrBadHandshake) {
		return nil, refused(resp)
	}
	if err != nil {
		return nil, failed(fmt.Errorf("connecting to the command: %w", err))
	}
	return conn, nil
}

// write sends a command its input, and then its end: a message of text. A command
// need not read all of it, or any; then there is nobody to tell.
func write(conn *websocket.Conn, input string) {
	const most = 64 << 10
	for len(input) > 0 {
		n := min(len(input), most)
		if conn.WriteMessage(websocket.BinaryMessage, []byte(input[:n])) != nil {
			return
		}
		input = input[n:]
	}
	_ = conn.WriteMessage(websocket.TextMessage, nil)
}

// read takes what a command writes, until a message of text says that it was all,
// or the connection ends.
func read(conn *websocket.Conn, into *bytes.Buffer) error {
	for {
		kind, data, err := conn.ReadMessage()
		switch {
		case websocket.IsCloseError(err, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseAbnormalClosure, websocket.CloseNoStatusReceived), errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case kind == websocket.TextMessage:
			return nil
		}
		into.Write(data)
	}
}
