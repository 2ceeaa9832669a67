package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// patience is how long a server may take: to start with a million sessions, too.
const patience = time.Minute

// process is a server or a program that runs in the background.
type process struct {
	command *exec.Cmd
	addr    string
	log     string     // a file
	exited  chan error // has one value, once it has
}

// freeAddr returns a host:port on which nothing listens. It is none of those that
// the system gives to connections, of which there will be thousands.
func freeAddr() (addr string, err error) {
	for range 100 {
		addr = fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000))
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			return addr, l.Close()
		}
	}
	return "", err
}

// start starts a command that listens on addr. It does not wait until it does.
func (b *bench) start(addr string, env []string, name string, args ...string) (*process, error) {
	log, err := os.CreateTemp(b.bin, "log-")
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p := &process{exec.CommandContext(b.ctx, name, args...), addr, log.Name(), make(chan error, 1)}
	p.command.Env = append(os.Environ(), env...)
	p.command.Stderr = log // a request's line goes to stdout, and nowhere
	p.command.WaitDelay = patience
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	go func() { p.exited <- p.command.Wait() }()
	return p, nil
}

// until waits for something that the process will do.
func (b *bench) until(p *process, done func() error) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		problem := done()
		if problem == nil {
			return nil
		}
		if b.ctx.Err() != nil {
			return errors.New("stopped")
		}
		if len(p.exited) > 0 || time.Now().After(deadline) {
			text, err := os.ReadFile(p.log)
			return errors.Join(fmt.Errorf("%s: %w\n%s", filepath.Base(p.command.Path), problem, text), err)
		}
	}
}

// untilItListens waits for a process that has been started.
func (b *bench) untilItListens(p *process) error {
	return b.until(p, func() error {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// stop ends the process: a server saves what it has to.
func (p *process) stop() {
	if p.command.Process.Signal(os.Interrupt) != nil { // not on Windows
		p.kill()
		return
	}
	select {
	case err := <-p.exited:
		p.exited <- err
	case <-time.After(patience):
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.command.Process.Kill() // fails when it has exited
	p.exited <- <-p.exited
}

// rss returns how much memory of the machine the process occupies, in bytes.
func (p *process) rss() (float64, error) {
	output, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.command.Process.Pid)).Output()
	if err != nil {
		return 0, fmt.Errorf("ps: %w", err)
	}
	kilobytes, err := strconv.ParseFloat(strings.TrimSpace(string(output)), 64)
	return kilobytes * 1024, err
}

// secret signs the cookies of all that is measured.
const secret = "this secret signs the cookies of the crowd"

// app starts an instance of a store's program.
func (b *bench) app(s store, server string) (*process, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	env := append(s.env(server), "ADDR="+addr, "SESSION_SECRET="+secret, "GIN_MODE=release", "REDIS_USERNAME=", "REDIS_PASSWORD=")
	p, err := b.start(addr, env, filepath.Join(b.bin, s.program), s.args...)
	if err != nil {
		return nil, err
	}
	if err := b.untilItListens(p); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}
