package postgres

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// statement is one statement of an SQL script.
type statement struct {
	sql string
	// kind and name are what pg_dump says about the statement in the comment
	// before it ("INDEX"), if it does.
	kind, name string
	// command is a line that is meant for psql, which is not what runs it.
	command string
	// rows says that rows follow in the script, in the form of COPY.
	rows bool
}

// script splits an SQL script into statements as psql does. It reads as much as
// one statement at a time.
type script struct {
	lines *bufio.Reader

	statement bytes.Buffer
	kind      string
	name      string
	begun     bool // as dumps begin, and not yet ended as they end

	// within a statement
	quote    string // that ends what is quoted: ', ", $tag$; "" outside
	escapes  bool   // a backslash escapes in this quote
	comment  int    // depth of /* */
	parens   int
	begins   int      // depth of BEGIN ATOMIC … END
	words    []string // the first words
	lastByte byte     // before a quote, to tell E'…'
}

func newScript(r io.Reader) *script { return &script{lines: bufio.NewReaderSize(r, 1<<18)} }

// errCut ends a script that stops in the middle.
var errCut = errors.New("it ends in the middle of a statement: it is not whole")

// errUnfinished ends a dump that stops between two statements.
var errUnfinished = errors.New("it is not whole: it lacks the line that dumps end with")

// next returns the next statement, and io.EOF after the last.
func (s *script) next() (statement, error) {
	for {
		line, err := s.lines.ReadBytes('\n')
		if len(line) > 0 {
			done, rest, stErr := s.feed(line)
			if stErr != nil {
				return statement{}, stErr
			}
			if done != nil {
				if len(bytes.TrimSpace(rest)) > 0 {
					s.lines = bufio.NewReaderSize(io.MultiReader(bytes.NewReader(rest), s.lines), 1<<18)
				}
				return *done, nil
			}
		}
		if errors.Is(err, io.EOF) {
			if !s.isEmpty() {
				return statement{}, errCut
			}
			if s.begun {
				return statement{}, errUnfinished
			}
			return statement{}, io.EOF
		}
		if err != nil {
			return statement{}, err
		}
	}
}

func (s *script) isEmpty() bool {
	return s.quote == "" && s.comment == 0 && len(bytes.TrimSpace(s.statement.Bytes())) == 0
}

var heading = regexp.MustCompile(`^-- (?:Data for )?Name: (.*); Type: (.*?); Schema: `)

// feed takes in a line. It returns a statement that ends in it, and what
// follows that.
func (s *script) feed(line []byte) (*statement, []byte, error) {
	if s.isEmpty() {
		text := strings.TrimRight(string(line), "\r\n")
		switch text {
		case "-- PostgreSQL database dump":
			s.begun = true
		case "-- PostgreSQL database dump complete":
			s.begun = false
		}
		if m := heading.FindStringSubmatch(text); m != nil {
			s.name, s.kind = m[1], m[2]
			return nil, nil, nil
		}
		if command, ok := strings.CutPrefix(text, `\`); ok {
			s.statement.Reset()
			return &statement{command: command}, nil, nil
		}
	}
	for i := 0; i < len(line); i++ {
		if n := s.skip(line[i:]); n > 0 {
			s.statement.Write(line[i : i+n])
			i += n - 1
			continue
		}
		c := line[i]
		switch {
		case s.quote != "" || s.comment > 0:
		case c == '-' && bytes.HasPrefix(line[i:], []byte("--")):
			if s.statement.Len() > 0 {
				s.statement.WriteByte('\n')
			}
			return nil, nil, nil // the rest of the line
		case c == '(':
			s.parens++
		case c == ')':
			s.parens = max(0, s.parens-1)
		case c == ';' && s.parens == 0 && s.begins == 0:
			if st := s.end(); st != nil {
				return st, line[i+1:], nil
			}
			continue
		case isWordStart(c):
			word := wordAt(line[i:])
			s.noteWord(word)
			s.statement.WriteString(word)
			i += len(word) - 1
			s.lastByte = word[len(word)-1]
			continue
		}
		if s.statement.Len() > 0 || !isSpace(c) {
			s.statement.WriteByte(c)
		}
		s.lastByte = c
	}
	return nil, nil, nil
}

// skip returns how many bytes open, continue or close something quoted.
func (s *script) skip(rest []byte) int {
	switch {
	case s.quote != "":
		return s.skipQuoted(rest)
	case s.comment > 0:
		return s.skipComment(rest)
	case bytes.HasPrefix(rest, []byte("/*")):
		s.comment = 1
		return 2
	case rest[0] == '\'' || rest[0] == '"':
		s.quote, s.escapes = string(rest[:1]), rest[0] == '\'' && (s.lastByte == 'E' || s.lastByte == 'e')
		return 1
	case rest[0] == '$':
		if m := dollar.Find(rest); m != nil && !isWordStart(s.lastByte) {
			s.quote, s.escapes = string(m), false
			return len(m)
		}
	}
	return 0
}

var dollar = regexp.MustCompile(`^\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$`)

func (s *script) skipQuoted(rest []byte) int {
	i := bytes.Index(rest, []byte(s.quote))
	if s.escapes {
		if b := bytes.IndexByte(rest, '\\'); b >= 0 && (i < 0 || b < i) {
			return min(b+2, len(rest))
		}
	}
	if i < 0 {
		return len(rest)
	}
	end := i + len(s.quote)
	if len(s.quote) == 1 && end < len(rest) && rest[end] == s.quote[0] {
		return end + 1 // doubled
	}
	s.quote, s.lastByte = "", ' '
	return end
}

func (s *script) skipComment(rest []byte) int {
	open, end := bytes.Index(rest, []byte("/*")), bytes.Index(rest, []byte("*/"))
	switch {
	case end < 0 && open < 0:
		return len(rest)
	case end < 0 || open >= 0 && open < end:
		s.comment++
		return open + 2
	}
	s.comment--
	s.lastByte = ' '
	return end + 2
}

// noteWord keeps account of the bodies of functions, which have semicolons.
func (s *script) noteWord(word string) {
	word = strings.ToLower(word)
	if len(s.words) < 4 {
		s.words = append(s.words, word)
	}
	if !s.createsRoutine() {
		return
	}
	switch {
	case word == "begin", word == "case" && s.begins > 0:
		s.begins++
	case word == "end" && s.begins > 0:
		s.begins--
	}
}

func (s *script) createsRoutine() bool {
	w := s.words
	if len(w) < 2 || w[0] != "create" {
		return false
	}
	if len(w) >= 4 && w[1] == "or" && w[2] == "replace" {
		w = w[2:]
	}
	return w[1] == "function" || w[1] == "procedure"
}

// end takes the statement that is complete; nil if it is empty.
func (s *script) end() *statement {
	st := &statement{sql: strings.TrimSpace(s.statement.String()), kind: s.kind, name: s.name}
	st.rows = len(s.words) > 0 && s.words[0] == "copy" && fromStdin.MatchString(st.sql)
	s.statement.Reset()
	s.words, s.parens, s.begins, s.lastByte = nil, 0, 0, ' '
	if st.sql == "" {
		return nil
	}
	return st
}

var fromStdin = regexp.MustCompile(`(?is)\bfrom\s+stdin\b`)

// copied returns the rows that follow a statement that has some.
func (s *script) copied() io.Reader { return &copied{lines: s.lines} }

type copied struct {
	lines *bufio.Reader
	line  []byte
	long  bool // the line goes on
	done  bool
}

func (c *copied) Read(p []byte) (int, error) {
	for len(c.line) == 0 {
		if c.done {
			return 0, io.EOF
		}
		piece, err := c.lines.ReadSlice('\n')
		whole := !c.long
		c.long = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case whole && !c.long && string(bytes.TrimRight(piece, "\r\n")) == `\.`:
			c.done = true
		case err == nil || c.long:
			c.line = piece
		case errors.Is(err, io.EOF):
			return 0, fmt.Errorf("rows: %w", errCut)
		default:
			return 0, err
		}
	}
	n := copy(p, c.line)
	c.line = c.line[n:]
	return n, nil
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'
}

func isWordStart(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func wordAt(rest []byte) string {
	n := 1
	for n < len(rest) && (isWordStart(rest[n]) || rest[n] >= '0' && rest[n] <= '9' || rest[n] == '$') {
		n++
	}
	return string(rest[:n])
}
