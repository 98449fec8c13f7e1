//go:build wasip1

// A guest that does what the tests of package wasm tell it to: the argument
// node of get_console_output is JSON that says what, and the answer's text is
// JSON that says what came of it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cloudlark/cloudlark/drivers"
	"github.com/cloudlark/cloudlark/drivers/abi"
	"github.com/cloudlark/cloudlark/drivers/compute"
	"github.com/cloudlark/cloudlark/drivers/op"
	sdk "github.com/cloudlark/cloudlark/wasm-drivers/sdk/go"
)

type config struct {
	Endpoint string `json:"endpoint,omitzero" default:"https://api.probe.example" help:"Where."`
	Region   string `json:"region,omitzero" default:"eu-1" help:"Region."`
}

type driver struct{ config config }

func init() {
	hosts := []string{"{endpoint}", "*.{endpoint}", "api.probe.example", "*.wild.example", "s3.{region}.example"}
	sdk.Serve(sdk.Guest{
		Version: "1.0.0",
		Providers: []*drivers.Provider{drivers.New(drivers.Info{Name: "probe", Family: compute.Family, Title: "Probe"},
			func(_ context.Context, c config) (*driver, error) { return &driver{c}, nil })},
		Hosts: hosts,
		Credentials: []abi.Credential{
			{Name: "token", Scheme: abi.Bearer, Hosts: []string{"{endpoint}"}, Env: []string{"PROBE_TOKEN"}},
			{Name: "key", Scheme: abi.Header, Header: "X-Api-Key", Prefix: "key ", Hosts: []string{"{endpoint}"}, Optional: true},
			{Name: "login", Scheme: abi.Basic, Hosts: []string{"{endpoint}"}, Optional: true},
			{Name: "aws", Scheme: abi.SigV4, Service: "s3", Region: "{region}", Hosts: []string{"{endpoint}"}, Optional: true},
		},
	})
}

func main() {}

type command struct {
	Do      string      `json:"do"`
	Send    abi.Send    `json:"send"`
	Body    string      `json:"body"`
	Presign abi.Presign `json:"presign"`
	N       int         `json:"n"`
	Text    string      `json:"text"`
}

// outcome is what came of a request.
type outcome struct {
	Head  *abi.Head  `json:"head,omitempty"`
	Body  string     `json:"body,omitempty"`
	Text  string     `json:"text,omitempty"`
	Error *abi.Error `json:"error,omitempty"`
}

func failed(err error) outcome { return outcome{Error: abi.ErrorOf(err)} }

var (
	count  int         // of calls that this instance has served
	kept   *sdk.Stream // across calls
	sunken [][]byte
)

func (d *driver) GetConsoleOutput(ctx context.Context, in compute.GetConsoleOutput) (compute.ConsoleOutput, error) {
	var c command
	if err := json.Unmarshal([]byte(in.Node), &c); err != nil {
		return compute.ConsoleOutput{}, op.Errorf(op.InvalidArgument, "%w", err)
	}
	count++
	if c.Do == "sleep" { // honestly: it heeds the context
		select {
		case <-ctx.Done():
			return compute.ConsoleOutput{}, ctx.Err()
		case <-time.After(time.Duration(c.N) * time.Millisecond):
		}
	}
	out, err := json.Marshal(d.obey(ctx, c))
	return compute.ConsoleOutput{Text: string(out)}, err
}

func (d *driver) obey(ctx context.Context, c command) outcome {
	switch c.Do {
	case "count":
		return outcome{Text: fmt.Sprint(count)}
	case "send":
		return send(c)
	case "presign":
		p, err := sdk.Presign(c.Presign)
		if err != nil {
			return failed(err)
		}
		text, _ := json.Marshal(p)
		return outcome{Text: string(text)}
	case "echo": // all that a guest can see
		return outcome{Text: fmt.Sprintf("%+v %v %v", d.config, os.Environ(), os.Args)}
	case "loop":
		for i := 0; ; i++ {
			count += i
		}
	case "stubborn": // sleeps on, whatever the host says
		for {
			time.Sleep(time.Second)
		}
	case "memory":
		for {
			sunken = append(sunken, make([]byte, 1<<20))
		}
	case "recursion":
		return outcome{Text: fmt.Sprint(deeper(0))}
	case "panic":
		panic(c.Text)
	case "exit":
		os.Exit(c.N)
	case "log":
		for i := range c.N {
			sdk.Logger().Info(fmt.Sprintf("line %d %s", i, c.Text))
		}
	case "stderr":
		fmt.Fprint(os.Stderr, strings.Repeat(c.Text+"\n", c.N))
	case "answer": // of n bytes
		return outcome{Text: strings.Repeat("x", c.N)}
	case "spool":
		s, err := sdk.NewStream()
		for range c.N {
			if err == nil {
				_, err = s.Write(make([]byte, 1<<20))
			}
		}
		if err != nil {
			return failed(err)
		}
	case "keep":
		s, err := sdk.NewStream()
		if err != nil {
			return failed(err)
		}
		kept = s
	case "kept":
		if _, err := kept.Write([]byte("still there?")); err != nil {
			return failed(err)
		}
	case "files":
		var errs []string
		for _, path := range []string{"/", ".", "/etc/passwd", "../../etc/passwd", "/proc/self/environ"} {
			if _, err := os.Open(path); err != nil {
				errs = append(errs, err.Error())
			} else {
				errs = append(errs, "opened "+path)
			}
		}
		return outcome{Text: strings.Join(errs, "; ")}
	default:
		return outcome{Text: "there is no " + c.Do}
	}
	return outcome{}
}

func deeper(n int) int {
	var room [1000]byte
	room[n%1000] = byte(n)
	return deeper(n+1) + int(room[n%1000])
}

func send(c command) outcome {
	var last outcome
	for range max(1, c.N) {
		r, err := sdk.Do(sdk.Request{Send: c.Send, Body: []byte(c.Body)})
		if err != nil {
			return failed(err)
		}
		b, err := io.ReadAll(r.Body)
		r.Body.Close()
		last = outcome{Head: &r.Head, Body: string(b)}
		if err != nil {
			last.Error = abi.ErrorOf(err)
		}
	}
	return last
}
