package sdk

import (
	"encoding/json"
	"io"

	"github.com/cloudlark/cloudlark/drivers/abi"
)

// A Request is what the host shall send. Either Body or Stream is its body, or
// neither.
type Request struct {
	abi.Send
	Body   []byte
	Stream *Stream
}

// A Response is what the provider answered. Its body is to be closed, unless
// the driver answers with it.
type Response struct {
	abi.Head
	Body *Stream
}

// Do sends a request and waits for the head of the response. A status of 400
// and more is no error.
func Do(r Request) (*Response, error) {
	p, err := Begin(r)
	if err != nil {
		return nil, err
	}
	return p.Wait()
}

// A Pending is a request under way.
type Pending struct{ handle int32 }

// Begin sends a request on its way, so that several can be under way at once.
func Begin(r Request) (*Pending, error) {
	message, err := json.Marshal(r.Send)
	if err != nil {
		return nil, err
	}
	var stream int32
	if r.Stream != nil {
		stream = r.Stream.handle
	}
	h, err := send(message, r.Body, stream)
	return &Pending{h}, err
}

// Wait waits for the head of the response.
func (p *Pending) Wait() (*Response, error) {
	r := &Response{}
	if err := head(p.handle, &r.Head); err != nil {
		release(p.handle)
		return nil, err
	}
	r.Body = &Stream{handle: p.handle, length: r.Length}
	return r, nil
}

// Cancel ends the request.
func (p *Pending) Cancel() { release(p.handle) }

// Presign signs a URL for others to use, with a credential of scheme sigv4.
func Presign(p abi.Presign) (*abi.Presigned, error) {
	message, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	out := &abi.Presigned{}
	return out, presign(message, out)
}

// ReadAll reads a response's body to its end, at most limit bytes, and closes it.
func (r *Response) ReadAll(limit int64) ([]byte, error) {
	defer r.Body.Close()
	return readAll(io.LimitReader(r.Body, limit))
}
