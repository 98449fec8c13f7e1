//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// streams is a connection to libvirtd that makes up for what go-libvirt does not
// know of streams:
//
//   - libvirtd may send the first data before the answer to the call that asked for
//     them. go-libvirt takes the first packet for the answer; so data wait here.
//   - A download ends for go-libvirt with the last of the data. What comes after that,
//     nobody takes, which would stop the connection for ever; so it is dropped.
//   - libvirtd keeps the file open until it hears that the stream is finished; so it
//     is told.
type streams struct {
	net.Conn

	// Of the one goroutine that reads.
	in    *bufio.Reader
	head  []byte // of the packet that is being handed on: what is left of it
	body  int    // and of its body, which is still to be read
	after []byte // packets to hand on next
	calls map[int32]*streamCall

	mu     sync.Mutex // guards what follows, and keeps packets whole
	prefix []byte     // of a packet that is being sent: its length, as far as it was written
	left   int        // and how much is still to be
	queue  []byte     // packets to send when that is done
}

// A streamCall is what was received for one call, by its serial number.
type streamCall struct {
	answered bool
	ended    bool   // its stream
	held     []byte // packets of its stream that came before the answer
}

func newStreams(c net.Conn) *streams {
	return &streams{Conn: c, in: bufio.NewReader(c), calls: map[int32]*streamCall{}}
}

// A packet begins with its length, the length included, and six more numbers:
// program, version, procedure, type, serial, status.
const (
	headSize  = 28
	mostBytes = 64 << 20 // more than any packet of libvirt's

	typeAnswer, typeStream    = 1, 3
	statusOK, statusContinues = 0, 2
)

func (s *streams) Read(p []byte) (int, error) {
	if len(s.head) == 0 && s.body == 0 && len(s.after) == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	switch {
	case len(s.head) > 0:
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	case s.body > 0:
		n, err := s.in.Read(p[:min(len(p), s.body)])
		s.body -= n
		return n, err
	}
	n := copy(p, s.after)
	s.after = s.after[n:]
	return n, nil
}

// next reads the head of the next packet that is to be handed on.
func (s *streams) next() error {
	for {
		head := make([]byte, headSize)
		if _, err := io.ReadFull(s.in, head); err != nil {
			return err
		}
		number := func(i int) uint32 { return binary.BigEndian.Uint32(head[4*i:]) }
		size := number(0)
		if size < headSize || size > mostBytes {
			return fmt.Errorf("a packet of %d bytes is none of libvirtd's", size)
		}
		body, typ, status := int(size-headSize), number(4), number(6)
		call := s.call(int32(number(5)))
		if typ == typeAnswer {
			call.answered = true
			s.after, call.held = call.held, nil
		}
		if typ == typeStream {
			if call.ended {
				if _, err := s.in.Discard(body); err != nil {
					return err
				}
				continue
			}
			call.ended = status != statusContinues || body == 0
			if call.ended && status == statusContinues { // there is no more data
				finish := bytes.Clone(head)
				binary.BigEndian.PutUint32(finish[4*6:], statusOK)
				go s.send(finish)
			}
			if !call.answered {
				packet := append(head, make([]byte, body)...)
				if _, err := io.ReadFull(s.in, packet[headSize:]); err != nil {
					return err
				}
				call.held = append(call.held, packet...)
				continue
			}
		}
		s.head, s.body = head, body
		return nil
	}
}

// call is what is known of a call. Serial numbers rise, so what is long ago can
// be forgotten.
func (s *streams) call(serial int32) *streamCall {
	const memory = 1024
	c := s.calls[serial]
	if c == nil {
		c = &streamCall{}
		s.calls[serial] = c
	}
	if len(s.calls) > 2*memory {
		for old := range s.calls {
			if old < serial-memory {
				delete(s.calls, old)
			}
		}
	}
	return c
}

func (s *streams) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := p; len(rest) > 0; {
		if s.left == 0 {
			n := min(4-len(s.prefix), len(rest))
			s.prefix, rest = append(s.prefix, rest[:n]...), rest[n:]
			if len(s.prefix) == 4 {
				s.left, s.prefix = int(binary.BigEndian.Uint32(s.prefix))-4, nil
			}
			continue
		}
		n := min(s.left, len(rest))
		s.left, rest = s.left-n, rest[n:]
	}
	n, err := s.Conn.Write(p)
	if err == nil {
		err = s.flush()
	}
	return n, err
}

// send sends a packet of our own between those of go-libvirt.
func (s *streams) send(packet []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, packet...)
	_ = s.flush() // where it fails, reading will too
}

func (s *streams) flush() error {
	if s.left > 0 || len(s.prefix) > 0 || len(s.queue) == 0 {
		return nil
	}
	_, err := s.Conn.Write(s.queue)
	s.queue = nil
	return err
}
