//go:build !(libvirt_dlopen && cgo)

package libvirt

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
)

// streams is a connection to libvirtd that sees to the end of its streams, which
// go-libvirt does not: a download ends there when the last of the data has come.
// What libvirtd may send after that would stop go-libvirt for ever, as nobody
// waits for it, and is dropped. And libvirtd keeps the file open until it hears
// that the stream is finished, so it is told.
type streams struct {
	net.Conn

	// Of the one goroutine that reads.
	in    *bufio.Reader
	head  []byte // of the packet that is being handed on: what is left of it
	body  int
	ended map[int32]bool // serial numbers

	mu     sync.Mutex // guards what follows, and keeps packets whole
	prefix []byte     // of a packet that is being sent: its length, as far as it was written
	left   int        // and how much is still to be
	queue  []byte     // packets to send when that is done
}

func newStreams(c net.Conn) *streams {
	return &streams{Conn: c, in: bufio.NewReader(c), ended: map[int32]bool{}}
}

// A packet begins with its length, the length included, and six more numbers:
// program, version, procedure, type, serial, status.
const (
	headSize  = 28
	mostBytes = 64 << 20 // more than any packet of libvirt's

	typeStream                             = 3
	statusOK, statusError, statusContinues = 0, 1, 2
)

func (s *streams) Read(p []byte) (int, error) {
	if len(s.head) == 0 && s.body == 0 {
		if err := s.next(); err != nil {
			return 0, err
		}
	}
	if len(s.head) > 0 {
		n := copy(p, s.head)
		s.head = s.head[n:]
		return n, nil
	}
	n, err := s.in.Read(p[:min(len(p), s.body)])
	s.body -= n
	return n, err
}

// next reads the head of the next packet that is not dropped.
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
		body, serial, status := int(size-headSize), int32(number(5)), number(6)
		if number(4) == typeStream {
			if s.ended[serial] {
				if _, err := s.in.Discard(body); err != nil {
					return err
				}
				continue
			}
			if status != statusContinues || body == 0 {
				s.end(serial)
			}
			if status == statusContinues && body == 0 { // there is no more data
				finish := append([]byte(nil), head...)
				binary.BigEndian.PutUint32(finish[4*6:], statusOK)
				go s.send(finish)
			}
		}
		s.head, s.body = head, body
		return nil
	}
}

// end remembers that a stream has ended. Serial numbers rise, so what is long ago
// can be forgotten.
func (s *streams) end(serial int32) {
	const memory = 1024
	if len(s.ended) > 2*memory {
		for old := range s.ended {
			if old < serial-memory {
				delete(s.ended, old)
			}
		}
	}
	s.ended[serial] = true
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
