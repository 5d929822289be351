package mysql

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"dogear/kind"
)

// script splits a script into statements as the mysql client does, but for
// what the client would do itself: run programs, read files, write some. It
// reads as much as one statement at a time.
type script struct {
	lines     *bufio.Reader
	pending   []byte // of a line
	delimiter string
	// noEscapes: a backslash escapes nothing (NO_BACKSLASH_ESCAPES).
	noEscapes bool

	statement bytes.Buffer
	quote     byte // that ends what is quoted; 0 outside
	comment   bool // within one that is none of the server's

	database     string // that the dump says to be of
	begun, ended bool   // as dumps begin and end
	saved        bool   // a setting was put by that dumps put back at their end
}

func newScript(r io.Reader) *script {
	return &script{lines: bufio.NewReaderSize(r, 1<<18), delimiter: ";"}
}

// errCut ends a script that stops in the middle.
var errCut = errors.New("it is not whole: it stops in the middle")

// errUnfinished ends a dump that stops between two statements.
var errUnfinished = errors.New("it is not whole: it lacks what dumps end with")

// next returns the next statement, and io.EOF after the last.
func (s *script) next() (string, error) {
	for {
		line, err := s.line()
		if len(line) > 0 {
			done, err := s.feed(line)
			if err != nil {
				return "", err
			}
			if statement := s.take(done); statement != "" {
				return statement, nil
			}
			continue
		}
		switch {
		case !errors.Is(err, io.EOF):
			return "", err
		case s.quote != 0 || s.comment || !isBlank(s.statement.String()):
			return "", errCut
		case s.begun && !s.ended || s.saved:
			return "", errUnfinished
		}
		return "", io.EOF
	}
}

func (s *script) line() ([]byte, error) {
	if len(s.pending) > 0 {
		line := s.pending
		s.pending = nil
		return line, nil
	}
	return s.lines.ReadBytes('\n')
}

// take returns the statement if it is complete and not empty.
func (s *script) take(done bool) string {
	if !done {
		return ""
	}
	statement := strings.TrimSpace(s.statement.String())
	s.statement.Reset()
	if isBlank(statement) {
		return ""
	}
	if strings.Contains(statement, "@OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS") {
		s.saved = true
	} else if strings.Contains(statement, "UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS") {
		s.saved = false
	}
	return statement
}

// ourComments matches comments that are for people.
var ourComments = regexp.MustCompile(`(?s)/\*(?:[^!M].*?|M[^!].*?)?\*/`)

func isBlank(statement string) bool {
	return strings.TrimSpace(statement) == "" || strings.HasPrefix(statement, "/*") && strings.TrimSpace(ourComments.ReplaceAllString(statement, "")) == ""
}

// clientWords begin lines that are for the client, which does them itself.
var clientWords = []string{
	"charset", "clear", "connect", "edit", "ego", "go", "help", "nopager", "notee", "nowarning", "pager", "print", "prompt", "quit", "exit",
	"rehash", "resetconnection", "query_attributes", "source", "ssl_session_data_print", "status", "system", "tee", "warnings",
}

// feed takes in a line, and reports whether a statement ends in it.
func (s *script) feed(line []byte) (bool, error) {
	if s.quote == 0 && !s.comment && isBlank(s.statement.String()) {
		if done, err := s.feedFirst(string(bytes.TrimRight(line, "\r\n"))); done || err != nil {
			return false, err
		}
	}
	for i := 0; i < len(line); {
		n, ends, err := s.step(line[i:])
		if err != nil {
			return false, err
		}
		if ends {
			s.pending = line[i+len(s.delimiter):]
			return true, nil
		}
		s.statement.Write(line[i : i+n])
		i += n
		if n == 0 {
			s.statement.WriteByte('\n')
			return false, nil // the rest is a comment
		}
	}
	return false, nil
}

// feedFirst deals with lines that stand where a statement would begin, and are
// none of the server's.
func (s *script) feedFirst(line string) (bool, error) {
	word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	switch word = strings.ToLower(strings.TrimRight(word, ";")); {
	case strings.TrimSpace(line) == sandbox, strings.TrimSpace(line) == "":
		return true, nil
	case strings.HasPrefix(line, "-- MySQL dump "), strings.HasPrefix(line, "-- MariaDB dump "):
		s.begun = true
	case dumpedFrom.MatchString(line):
		s.database = dumpedFrom.FindStringSubmatch(line)[1]
	case strings.HasPrefix(line, "-- Dump completed"):
		s.ended = true
	case word == "delimiter" && strings.TrimSpace(rest) != "":
		s.delimiter = strings.Fields(rest)[0]
		return true, nil
	case slices.Contains(clientWords, word):
		return true, commandRefused(kind.Printable(word))
	}
	return false, nil
}

var dumpedFrom = regexp.MustCompile(`^-- Host: .* Database: (.*\S)\s*$`)

func commandRefused(command string) error {
	return fmt.Errorf("the dump has the command %s for the mysql client, which is not run: it is not one of mysqldump", command)
}

// step returns how many bytes belong together at the beginning of a rest of a
// line: 0 if all of it is a comment. It reports whether the statement ends there.
func (s *script) step(rest []byte) (n int, ends bool, err error) {
	switch {
	case s.quote != 0:
		return s.stepQuoted(rest), false, nil
	case s.comment:
		if end := bytes.Index(rest, []byte("*/")); end >= 0 {
			s.comment = false
			return end + 2, false, nil
		}
		return len(rest), false, nil
	case bytes.HasPrefix(rest, []byte(s.delimiter)):
		return 0, true, nil
	case rest[0] == '\'' || rest[0] == '"' || rest[0] == '`':
		s.quote = rest[0]
	case rest[0] == '#', lineComment.Match(rest):
		return 0, false, nil
	case bytes.HasPrefix(rest, []byte("/*!")), bytes.HasPrefix(rest, []byte("/*M!")):
		return 3, false, nil // what is in it is the server's
	case bytes.HasPrefix(rest, []byte("/*")):
		s.comment = true
		return 2, false, nil
	case rest[0] == '\\' && !bytes.HasPrefix(rest, []byte(`\N`)):
		return 0, false, commandRefused(`\` + kind.Printable(string(rest[1:min(2, len(rest))])))
	}
	return 1, false, nil
}

var lineComment = regexp.MustCompile(`^--(?:[\s\x00-\x1f]|$)`)

func (s *script) stepQuoted(rest []byte) int {
	stops := string(s.quote)
	if s.quote != '`' && !s.noEscapes {
		stops += `\`
	}
	i := bytes.IndexAny(rest, stops)
	switch {
	case i < 0:
		return len(rest)
	case rest[i] == '\\':
		return min(i+2, len(rest))
	}
	s.quote = 0 // one that is doubled opens the next
	return i + 1
}

// versioned matches what opens and closes comments that the server reads.
var versioned = regexp.MustCompile(`/\*M?!\d*|\*/`)

// head returns how a statement begins, in plain words.
func head(statement string) string {
	statement = ourComments.ReplaceAllString(statement[:min(len(statement), 2000)], " ")
	return strings.Join(strings.Fields(versioned.ReplaceAllString(statement, " ")), " ")
}
